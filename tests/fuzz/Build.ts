/** Puts one target, the engine and instrumented copies of what the target covers into one file for a worker. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { join, relative } from "node:path"
import process from "node:process"
import { fileURLToPath, pathToFileURL } from "node:url"
import esbuild from "esbuild"
import * as Counters from "./Counters.ts"
import * as Instrument from "./Instrument.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
/** Inside of `node_modules`, so that packages that aren't bundled are found from there. */
const FOLDER = join(ROOT, "node_modules", ".cache", "shoal-fuzz")

export interface Built {
  /** A `file:` URL. */
  readonly url: string
  /** Every instrumented block, as `core/wire/Decoder.ts:123`. */
  readonly blocks: ReadonlyArray<string>
  /** Texts of the instrumented code: a dictionary. */
  readonly words: ReadonlyArray<string>
}

export interface Options {
  /** The source of the entry; imports are relative to `tests/fuzz`. */
  readonly entry: string
  /** Files that count, by the beginnings of their paths from the root. */
  readonly covers: ReadonlyArray<string>
  /** Plants a defect: gives another text for a file, or `undefined`. */
  readonly patch?: (file: string, text: string) => string | undefined
}

let made = 0

/** Bundles; {@link remove} takes the file away again. */
export const build = async ({ covers, entry, patch }: Options): Promise<Built> => {
  const blocks: Array<string> = []
  const words = new Set<string>()
  const plugin: esbuild.Plugin = {
    name: "instrument",
    setup: (setup) => {
      setup.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const file = relative(ROOT, path).replaceAll("\\", "/")
        const isCovered = covers.some((prefix) => file.startsWith(prefix))
        if (!isCovered && patch === undefined) return undefined
        const source = await readFile(path, "utf8")
        const text = patch?.(file, source) ?? source
        if (!isCovered) return { contents: text, loader: "ts" }
        // No `await` from here on: numbers are given out one file after the other.
        const instrumented = Instrument.instrument(file, text, blocks.length)
        for (const line of instrumented.lines) blocks.push(`${file}:${line}`)
        for (const word of instrumented.words) words.add(word)
        return { contents: instrumented.text, loader: "ts" }
      })
    },
  }
  const path = join(FOLDER, `${process.pid}-${made++}.mjs`)
  const result = await esbuild.build({
    stdin: { contents: entry, resolveDir: join(ROOT, "tests", "fuzz"), loader: "ts" },
    bundle: true,
    outfile: path,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    sourcemap: "inline",
    sourcesContent: false,
    logLevel: "warning",
    plugins: [plugin],
  })
  await mkdir(FOLDER, { recursive: true })
  // In the same line, so that the source map holds.
  await writeFile(path, Counters.prologue(blocks.length) + result.outputFiles[0]!.text)
  return { url: pathToFileURL(path).href, blocks, words: [...words] }
}

export const remove = ({ url }: Built): Promise<void> => rm(fileURLToPath(url), { force: true })
