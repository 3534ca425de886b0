/**
 * Builds `dist/`: the program as one file for Node, and the library with its types. Runs at the end of `npm ci`.
 *
 *   dist/shoal.mjs        the bundled, tree-shaken program
 *   dist/hashWorker.mjs   what its hashing threads run
 *   dist/core, dist/shell the modules behind `shoal/core` and `shoal/shell`, with `.d.ts`
 */
import { chmod, copyFile, mkdir, rm } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import process from "node:process"
import esbuild from "esbuild"
import ts from "typescript"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const dist = join(root, "dist")
const worker = "shell/node/hashWorker.mjs"

/** CommonJS packages in the bundle require node's own modules, for which an ES module has no `require`. */
const BANNER = `#!/usr/bin/env node
import { createRequire } from "node:module";const require = createRequire(import.meta.url);`

/** Writes the program to `folder` as one file, evaluated lazily where the source imports lazily, and its worker. */
export const bundle = async (folder) => {
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: ["cli/Main.ts"],
    outfile: join(folder, "shoal.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    // Prefer the packages' ES modules: only those can be tree-shaken.
    mainFields: ["module", "main"],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "warning",
    banner: { js: BANNER },
  })
  await chmod(join(folder, "shoal.mjs"), 0o755)
  await copyFile(join(root, worker), join(folder, "hashWorker.mjs"))
}

/** Emits the library. `npm run check` judges types; here only what keeps the output from being whole is an error. */
const emitLibrary = () => {
  const { config, error } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile)
  if (error !== undefined) return [error]
  const { options, errors } = ts.parseJsonConfigFileContent(
    { ...config, include: [], files: [] },
    ts.sys,
    root,
  )
  const program = ts.createProgram({
    rootNames: ["core/index.ts", "shell/index.ts"].map((file) => join(root, file)),
    options: { ...options, noEmit: false, declaration: true, rootDir: root, outDir: dist },
  })
  return [
    // An empty file list is meant here.
    ...errors.filter(({ code }) => code !== 18002 && code !== 18003),
    ...program.getOptionsDiagnostics(),
    ...program.getSyntacticDiagnostics(),
    ...program.emit().diagnostics,
  ]
}

const report = (diagnostics) =>
  ts.formatDiagnostics(diagnostics, {
    getCanonicalFileName: (file) => relative(root, file),
    getCurrentDirectory: () => root,
    getNewLine: () => "\n",
  })

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await rm(dist, { recursive: true, force: true })
  const bundled = bundle(dist)
  const diagnostics = emitLibrary()
  await bundled
  if (diagnostics.length > 0) {
    process.stderr.write(report(diagnostics))
    process.exit(1)
  }
  await mkdir(join(dist, dirname(worker)), { recursive: true })
  await copyFile(join(root, worker), join(dist, worker))
}
