// @ts-check
/**
 * Part of the build: runs a program with its arguments, and at its end writes what V8 compiled of it meanwhile.
 *
 *   node cli/compile.mjs PROGRAM CACHE [ARGUMENT]…
 */
import { readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import process from "node:process"
import { pathToFileURL } from "node:url"
import { Script } from "node:vm"

const [program = "", cache = "", ...args] = process.argv.slice(2)
const { href } = pathToFileURL(program)
const script = new Script(readFileSync(program, "utf8"), { filename: program })
process.argv.splice(1, Infinity, program, ...args)
process.on("exit", () => writeFileSync(cache, script.createCachedData()))
script.runInThisContext()(createRequire(href), href)
