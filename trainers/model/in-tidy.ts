// Runs a computation and gives back every tensor it made.
import * as tf from '@tensorflow/tfjs-core'

/** As tf.tidy, for results that hold no tensor: tf.tidy would look through every element of an array for some. */
export function inTidy<T>(compute: () => T): T {
  let result: T | undefined
  tf.tidy(() => {
    result = compute()
  })
  return result as T
}
