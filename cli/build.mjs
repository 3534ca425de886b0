/**
 * Builds `dist/`: the program as one file for Node, and the library with its types. Runs at the end of `npm ci`.
 *
 *   dist/shoal.mjs        what starts the program
 *   dist/program.js       the bundled, tree-shaken program
 *   dist/program-*.cache  what the building Node compiled of it, for a faster start
 *   dist/hashWorker.mjs   what its hashing threads run
 *   dist/core, dist/shell the modules behind `shoal/core` and `shoal/shell`, with `.d.ts`
 */
import { spawnSync } from "node:child_process"
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import process from "node:process"
import esbuild from "esbuild"
import ts from "typescript"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const dist = join(root, "dist")
const worker = "shell/node/hashWorker.mjs"

/** Writes the program to `folder` as one file, evaluated lazily where the source imports lazily, and what goes with it. */
export const bundle = async (folder) => {
  const program = join(folder, "program.js")
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: ["cli/Main.ts"],
    outfile: program,
    bundle: true,
    // A function expression in a script: unlike a module, it can be given what V8 has compiled before.
    format: "cjs",
    banner: { js: "(function(require,moduleUrl){" },
    footer: { js: "})" },
    define: { "import.meta.url": "moduleUrl" },
    platform: "node",
    target: "node20",
    // Prefer the packages' ES modules: only those can be tree-shaken.
    mainFields: ["module", "main"],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "warning",
  })
  await copyFile(join(root, worker), join(folder, "hashWorker.mjs"))
  await copyFile(join(root, "cli/launch.mjs"), join(folder, "shoal.mjs"))
  await chmod(join(folder, "shoal.mjs"), 0o755)
  await compile(program)
}

/** A torrent of one byte, whose check takes the program through most of what it loads. */
const TORRENT = `d4:infod6:lengthi1e4:name1:x12:piece lengthi16384e6:pieces20:${"x".repeat(20)}ee`

/**
 * Runs the program once and keeps what V8 compiled for it, under the name that `launch.mjs` looks for. Where that does not
 * work, the program starts without.
 */
const compile = async (program) => {
  const temp = await mkdtemp(join(tmpdir(), "shoal-build-"))
  try {
    const torrent = join(temp, "x.torrent")
    await writeFile(torrent, TORRENT)
    const { arch, platform, version } = process
    const cache = program.replace(/\.js$/, `-${version}-${platform}-${arch}.cache`)
    const run = ["verify", torrent, "--data", temp]
    // It fails, for the byte is missing.
    spawnSync(process.execPath, [join(root, "cli/compile.mjs"), program, cache, ...run], { stdio: "ignore" })
  } finally {
    await rm(temp, { recursive: true })
  }
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
