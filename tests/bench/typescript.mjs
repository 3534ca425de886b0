// A module loader hook for Node: `.ts` files, as JavaScript.
import { readFile } from "node:fs/promises"
import { transform } from "esbuild"

export const load = async (url, context, next) => {
  if (!url.endsWith(".ts")) return next(url, context)
  const source = await readFile(new URL(url), "utf8")
  const options = { loader: "ts", format: "esm", target: "node20", sourcemap: "inline", sourcefile: url }
  const { code } = await transform(source, options)
  return { format: "module", source: code, shortCircuit: true }
}
