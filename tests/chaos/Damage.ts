/** What happens to a download's files between two runs, drawn from a seed. */
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { dirname, join } from "node:path"
import * as Rng from "../../core/base/Rng.ts"
import * as Truth from "./Truth.ts"

export interface Damage {
  readonly name: string
  /** The next run has to say no, naming this; it need not where it has nothing to write there. */
  readonly refusal?: RegExp
  readonly mayPass?: boolean
  /** The resume file that is there now is not shoal's. */
  readonly isResumeOurs?: boolean
  /** Makes good again what the refusal was about; fails if anything outside was touched. */
  readonly heal?: () => void
}

interface Scene {
  readonly rng: Rng.Rng
  readonly subject: Truth.Subject
  readonly out: string
  /** A folder that shoal has no business in. */
  readonly outside: string
}

type Kind = (scene: Scene, file: string, size: number) => Damage | undefined

const flipByte = (rng: Rng.Rng, file: string, size: number): void => {
  const at = Rng.below(rng, size)
  const byte = readFileSync(file)[at]! ^ (1 << Rng.below(rng, 8))
  const open = openSync(file, "r+")
  writeSync(open, Uint8Array.of(byte), 0, 1, at)
  closeSync(open)
}

const KINDS: ReadonlyArray<Kind> = [
  ({ rng }, file, size) => {
    for (let i = 0; i <= Rng.below(rng, 5); i++) flipByte(rng, file, size)
    return { name: "bytes flipped" }
  },
  ({ rng }, file, size) => {
    truncateSync(file, Rng.below(rng, size))
    return { name: "file truncated" }
  },
  (_, file) => {
    rmSync(file)
    return { name: "file removed" }
  },
  ({ out, subject }, file, size) => {
    // A kill at the very start may have left it shorter than it is to be.
    truncateSync(file, subject.torrent.files.find(({ path }) => join(out, path) === file)!.length)
    appendFileSync(file, "somebody else's")
    return { name: "file extended", refusal: /bytes is there/, heal: () => truncateSync(file, size) }
  },
  ({ outside }, file) => {
    const elsewhere = join(outside, "moved")
    renameSync(file, elsewhere)
    symlinkSync(elsewhere, file)
    const before = readFileSync(elsewhere)
    return {
      name: "file replaced by a link",
      refusal: /symbolic link/,
      heal: () => {
        if (!readFileSync(elsewhere).equals(before)) {
          throw new Error(`${elsewhere} was written through a link`)
        }
        rmSync(file)
        renameSync(elsewhere, file)
      },
    }
  },
  ({ outside }, file) => {
    const other = join(outside, "other name")
    linkSync(file, other)
    const before = readFileSync(other)
    return {
      name: "file with a hard link",
      refusal: /hard link/,
      mayPass: true,
      heal: () => {
        if (!readFileSync(other).equals(before)) throw new Error(`${other} changed with its other name`)
        rmSync(other)
      },
    }
  },
  ({ outside, out }, file) => {
    if (dirname(file) === out) return undefined
    const folder = dirname(file)
    const elsewhere = join(outside, "folder")
    renameSync(folder, elsewhere)
    symlinkSync(elsewhere, folder)
    return {
      name: "folder replaced by a link",
      refusal: /symbolic link/,
      heal: () => {
        rmSync(folder)
        renameSync(elsewhere, folder)
      },
    }
  },
]

const RESUME_KINDS: ReadonlyArray<Kind> = [
  ({ rng }, file, size) => {
    truncateSync(file, Rng.below(rng, size))
    return { name: "resume data truncated", isResumeOurs: false }
  },
  ({ rng }, file, size) => {
    flipByte(rng, file, size)
    return { name: "resume data flipped", isResumeOurs: false }
  },
  (_, file) => {
    rmSync(file)
    return { name: "resume data removed" }
  },
  (_, file) => {
    writeFileSync(`${file}.new`, readFileSync(file).subarray(0, 10))
    return { name: "a torn draft of resume data" }
  },
  ({ outside }, file) => {
    // Put back by the second call: true when it was saved, long ago.
    const kept = join(outside, "resume")
    if (!existsSync(kept)) {
      copyFileSync(file, kept)
      return undefined
    }
    renameSync(kept, file)
    return { name: "resume data of yesterday" }
  },
]

/** Damages what a dead run has left; `undefined` where there is nothing that could be. */
export const draw = (scene: Scene): Damage | undefined => {
  const { out, outside, rng, subject } = scene
  mkdirSync(outside, { recursive: true })
  const resume = Truth.resumeFile(subject, out)
  const isResume = existsSync(resume) && Rng.below(rng, 2) === 0
  const candidates = isResume
    ? [resume]
    : subject.torrent.files.map(({ path }) => join(out, path)).filter((path) =>
      (lstatSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0
    )
  if (candidates.length === 0) return undefined
  const file = candidates[Rng.below(rng, candidates.length)]!
  const kinds = isResume ? RESUME_KINDS : KINDS
  return kinds[Rng.below(rng, kinds.length)]!(scene, file, lstatSync(file).size)
}
