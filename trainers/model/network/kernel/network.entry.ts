// The network kernel's exported calls. Addresses and strides are in bytes, counts in elements; memory is laid out by the caller.

export { adagrad, allFinite } from './descent'
export { accumulate, addMatrices, copyRows, multiplyElements, sumColumns, throughRelu } from './elementwise'
export { addGroups, groupDots, groupProducts, groupSums, pairGradient, pairTerm } from './groups'
export { packLeft, packRight, packRightTransposed } from './packing'
export { addTo, multiply } from './product'
export { inBatchSoftmax, softmaxGradient, softmaxRows, unitGradient, unitRows } from './rows'

/** First address that the kernel does not use itself. */
export function memoryStart(): usize {
  return __heap_base
}
