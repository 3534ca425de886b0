/**
 * The lists of a tracker, from files that may change while it runs: torrents that it serves or doesn't, keys of a private
 * one's members. A file is read again when it changes, whole: a line that can't be read is left out and told.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Duration from "effect/Duration"
import type * as Scope from "effect/Scope"
import * as Access from "../core/tracker/Access.ts"

export interface Files {
  /** Info-hashes, one a line: only these. */
  readonly allow: string | undefined
  /** Not these. */
  readonly deny: string | undefined
  /** Only for whoever has one of these keys in the URL. */
  readonly keys: string | undefined
}

/** A list that was asked for isn't there at the start; `message` names it. */
export class ListError extends Data.TaggedError("ListError")<{
  readonly reason: "list"
  readonly message: string
}> {}

export interface Lists {
  /** What holds now. */
  readonly access: () => Access.Access
  /** Reads all files again; one that can't be read leaves what held. Never fails. */
  readonly reload: Effect.Effect<void>
}

/** How often the files are looked at. By their name: an editor puts a new file in the old one's place. */
export const CHECK_EVERY: Duration.DurationInput = "1 second"

/** Lines that are told one by one; a file that is something else entirely has too many. */
const MAX_WARNINGS = 10

/** Six million info-hashes; whatever is larger is no list. */
const MAX_BYTES = 256 * 1024 * 1024

type Kind = keyof Files

interface Parsed {
  readonly items: ReadonlySet<string>
  readonly warnings: ReadonlyArray<string>
}

/** The good lines of a list, and what is wrong with the others. */
export const parse = (kind: Kind, path: string, text: string): Parsed => {
  const read = kind === "keys" ? Access.parseKeys : Access.parseInfoHashes
  const whole = read(text)
  if (whole.ok) return { items: whole.value, warnings: [] }
  const items = new Set<string>()
  const bad: Array<number> = []
  text.split("\n").forEach((line, index) => {
    const one = read(line)
    if (!one.ok) bad.push(index + 1)
    else for (const item of one.value) items.add(item)
  })
  const what = kind === "keys" ? "a key: letters, digits, - and _" : "an info-hash: 40 hexadecimal digits"
  const warnings = bad.slice(0, MAX_WARNINGS).map((line) =>
    `${path}: line ${line} is not ${what}; it is left out`
  )
  if (bad.length > MAX_WARNINGS) {
    warnings.push(`${path}: ${bad.length - MAX_WARNINGS} more lines are left out`)
  }
  return { items, warnings }
}

/** What tells that a file has changed; `undefined` while it isn't there. */
const stampOf = (path: string): Effect.Effect<string | undefined, never, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.stat(path)).pipe(
    Effect.map(({ ino, mtime, size }) =>
      [
        Option.getOrElse(ino, () => 0),
        Option.match(mtime, { onNone: () => 0, onSome: (time) => time.getTime() }),
        size,
      ].join(" ")
    ),
    Effect.orElseSucceed(() => undefined),
  )

/**
 * Reads the lists, and again whenever one changes until the scope ends. `warn` is told of lines and files that can't be
 * read, one sentence each.
 */
export const watch = (
  files: Files,
  warn: (message: string) => Effect.Effect<void>,
): Effect.Effect<Lists, ListError, Scope.Scope | FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const paths = (["allow", "deny", "keys"] as const).flatMap((kind) =>
      files[kind] === undefined ? [] : [{ kind, path: files[kind] }]
    )
    const stamps = new Map<Kind, string | undefined>()
    let access: Access.Access = Access.OPEN

    const read = (kind: Kind, path: string) =>
      Effect.gen(function* () {
        // Before the reading, so that a change during it is seen the next time.
        stamps.set(kind, yield* stampOf(path))
        const { size } = yield* fs.stat(path)
        if (size > MAX_BYTES) return yield* Effect.fail({ message: "the file is too large for a list" })
        const { items, warnings } = parse(kind, path, yield* fs.readFileString(path))
        access = {
          allowed: kind === "allow" ? items : access.allowed,
          denied: kind === "deny" ? items : access.denied,
          keys: kind === "keys" ? items : access.keys,
        }
        yield* Effect.forEach(warnings, warn, { discard: true })
      })

    const readAgain = (kind: Kind, path: string) =>
      Effect.catchAll(
        read(kind, path),
        ({ message }) => warn(`${path} can't be read, what was in it still holds: ${message}`),
      )

    yield* Effect.forEach(paths, ({ kind, path }) =>
      Effect.mapError(
        read(kind, path),
        ({ message }) =>
          new ListError({ reason: "list", message: `the list ${path} can't be read: ${message}` }),
      ), { discard: true })

    const check = Effect.forEach(paths, ({ kind, path }) =>
      Effect.gen(function* () {
        const stamp = yield* stampOf(path)
        // What isn't there is being replaced, or was taken away by mistake.
        if (stamp === undefined || stamp === stamps.get(kind)) return
        yield* readAgain(kind, path)
      }), { discard: true })
    if (paths.length > 0) {
      yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(CHECK_EVERY), check)))
    }
    return {
      access: () => access,
      reload: Effect.forEach(paths, ({ kind, path }) => readAgain(kind, path), { discard: true }).pipe(
        Effect.provideService(FileSystem.FileSystem, fs),
      ),
    }
  })
