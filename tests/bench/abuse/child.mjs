// Runs the TypeScript file that its first argument names, with the second as its only argument.
import { register } from "node:module"

register("../typescript.mjs", import.meta.url)
const [file] = process.argv.splice(2, 1)
await import(file)
