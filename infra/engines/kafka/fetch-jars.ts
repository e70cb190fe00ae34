// Gathers the jars of one Kafka node through Maven, once, into a folder git ignores.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { FreshetError } from '../../../streams/runtime/errors.ts'

const here = dirname(fileURLToPath(import.meta.url))
const enginesDirectory = join(here, '../../../.engines/kafka')
const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
const run = promisify(execFile)

/** The folder of jars, fetched when it is missing. Throws engine-missing without java or mvn. */
export async function kafkaJars(): Promise<string> {
  await requireTool('java', ['-version'], 'a Java runtime, 17 or newer (Debian: openjdk-17-jre-headless)')
  const libraries = join(enginesDirectory, 'libs')
  const complete = join(enginesDirectory, 'complete')
  if (existsSync(complete)) return libraries
  await requireTool('mvn', ['-v'], 'Maven (Debian: maven), which fetches Kafka once')
  const fetching = join(enginesDirectory, `fetching-${process.pid}`)
  await mkdir(fetching, { recursive: true })
  const scope = ['-DincludeScope=runtime', `-DoutputDirectory=${fetching}`]
  try {
    await run('mvn', ['-q', '-B', '-f', join(here, 'pom.xml'), goal, ...scope], { maxBuffer: 16 * 1024 * 1024 })
  } catch (cause) {
    await rm(fetching, { recursive: true, force: true })
    throw new FreshetError('engine-failed', 'Maven could not fetch Kafka: look at the network and ~/.m2/settings.xml', {
      cause,
    })
  }
  await rm(libraries, { recursive: true, force: true })
  await rename(fetching, libraries)
  await writeFile(complete, '')
  return libraries
}

async function requireTool(tool: string, question: string[], what: string): Promise<void> {
  try {
    await run(tool, question)
  } catch (cause) {
    throw new FreshetError('engine-missing', `${tool} is not there: install ${what}`, { cause, details: { tool } })
  }
}
