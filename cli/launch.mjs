#!/usr/bin/env node
// @ts-check
/**
 * What `dist/shoal.mjs` is: it runs the program that lies beside it, with what V8 compiled of it when it was built, where
 * that was the same Node. Any other one compiles it anew, which takes it some 70 ms.
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { constants, Script } from "node:vm"

// Not imported: a module of it takes Node 5 ms to make.
const { process } = globalThis
const programUrl = new URL("program.js", import.meta.url)

/** V8 itself refuses what another version or other flags made; the name adds what it doesn't look at. */
const cacheUrl = new URL(
  `program-${process.version}-${process.platform}-${process.arch}.cache`,
  import.meta.url,
)

const compiled = () => {
  try {
    return readFileSync(cacheUrl)
  } catch {
    return undefined
  }
}

const cachedData = compiled()
const script = new Script(readFileSync(programUrl, "utf8"), {
  filename: fileURLToPath(programUrl),
  ...(cachedData !== undefined && { cachedData }),
  ...(constants !== undefined && { importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER }),
})

script.runInThisContext()(createRequire(import.meta.url), import.meta.url)
