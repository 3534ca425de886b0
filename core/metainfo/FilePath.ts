/**
 * From what a torrent calls its files to paths that are safe to create: relative, below the download directory, free of
 * characters that hide or reorder, unique without regard to case. Changing a name is better than refusing a torrent.
 */
import { type Bytes, toLatin1, toUtf8, utf8 } from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import { MAX_COMPONENT_BYTES, MAX_EXTENSION_BYTES, MAX_RENAME_TRIES } from "./Limits.ts"

/**
 * `portable` gives names that Windows takes too; `posix` leaves what only Windows forbids (`a:b`, `CON`, a trailing
 * dot), as other clients on such systems do, which is needed to find data that they wrote.
 */
export type Names = "portable" | "posix"

/** A noncharacter: stands for each byte that is no UTF-8, until a run of them becomes one `_`. */
const INVALID = "\ufdd0"
const INVALID_RUN = /\ufdd0+/g
/** Zero width, direction marks and overrides, byte order mark: they make `txt.exe` read as `exe.txt`. */
const INVISIBLE = /[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g
/** C0, DEL, C1, and the two separators that terminals and editors take for a line's end. */
const CONTROL = /[\p{Cc}\u2028\u2029]/gu
const SEPARATOR = /[/\\]/g
/** Where shoal keeps resume data beside the files: no torrent may write its own there. */
const OUR_FOLDER = ".shoal"
/** https://learn.microsoft.com/windows/win32/fileio/naming-a-file */
const WINDOWS_FORBIDDEN = /[<>:"|?*]/g
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)/i

/**
 * One path component from its raw bytes: at most 250 bytes of UTF-8, no separator, never `.` or `..`. Empty if nothing
 * is left, which the caller replaces. A name ends at its first NUL, as it does for the clients written in C.
 */
export const component = (bytes: Bytes, names: Names): string => {
  const text = isPlain(bytes) ? toLatin1(bytes) : visible(bytes)
  // In UTF-8 the text is never longer than the bytes, apart from the `_` that a device's name gets.
  const isLong = bytes.length >= MAX_COMPONENT_BYTES
  let name = isLong ? truncate(text) : text
  if (names === "portable") {
    name = portable(name)
    // That `_` may need another cut, which may end in a dot or a space; then the name is stable.
    if (isLong) name = portable(truncate(name))
  }
  if (name === "." || name === "..") return ""
  return name.toLowerCase() === OUR_FOLDER ? `_${name}` : name
}

/** Printable ASCII without separators, as nearly all names are: the steps of {@link visible} leave it as it is. */
const isPlain = (bytes: Bytes): boolean => {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte < 0x20 || byte > 0x7e || byte === 0x2f || byte === 0x5c) return false
  }
  return true
}

const visible = (bytes: Bytes): string => {
  const nul = bytes.indexOf(0)
  return toUtf8(nul < 0 ? bytes : bytes.subarray(0, nul), INVALID)
    .replace(INVALID_RUN, "_")
    .replace(INVISIBLE, "")
    .replace(SEPARATOR, "")
    .replace(CONTROL, "_")
}

const portable = (name: string): string => {
  // A loop, since the regular expression for this takes quadratic time on many spaces before something else.
  let end = name.length
  while (end > 0 && (name[end - 1] === "." || name[end - 1] === " ")) end--
  const allowed = name.slice(0, end).replace(WINDOWS_FORBIDDEN, "_")
  return WINDOWS_DEVICE.test(allowed) ? `_${allowed}` : allowed
}

/** Cuts to {@link MAX_COMPONENT_BYTES} between code points, and keeps a short extension. */
const truncate = (text: string): string => {
  if (text.length <= MAX_COMPONENT_BYTES && utf8(text).length <= MAX_COMPONENT_BYTES) return text
  const dot = text.lastIndexOf(".")
  const hasExtension = dot > 0 && text.length - dot <= MAX_EXTENSION_BYTES &&
    utf8(text.slice(dot)).length <= MAX_EXTENSION_BYTES
  return hasExtension
    ? cut(text.slice(0, dot), MAX_COMPONENT_BYTES) + text.slice(dot)
    : cut(text, MAX_COMPONENT_BYTES)
}

/** What fits into `room` bytes of UTF-8, in whole characters. */
const cut = (text: string, room: number): string => {
  if (text.length * 3 <= room) return text
  let end = 0
  let left = room
  for (const character of text) {
    left -= utf8(character).length
    if (left < 0) break
    end += character.length
  }
  return text.slice(0, end)
}

/** True if joining `path` to a directory stays inside it: the last guard before files are touched. */
export const isSafe = (path: string, names: Names): boolean =>
  path.split("/").every((part) =>
    part !== "" && part !== "." && part !== ".." && !/[\\\0]/.test(part) &&
    (names === "posix" || portable(part) === part)
  )

interface Directory {
  readonly directories: Map<string, Directory>
  readonly files: Set<string>
}

/** Where the file lies of one path or of several, one after another. */
interface Folder {
  readonly directory: Directory
  /** Its path, a `/` at the end; empty for the root. */
  readonly prefix: string
}

const directory = (): Directory => ({ directories: new Map(), files: new Set() })

/**
 * Joins the components of each file's path with `/`; a file whose name is taken, by a file before it or by any
 * directory, gets a number (`x.txt`, then `x.1.txt`). Fails where that takes over {@link MAX_RENAME_TRIES} tries.
 */
export const unique = (
  paths: ReadonlyArray<ReadonlyArray<string>>,
): Result<Array<string>, "TooManyDuplicates"> => {
  // All directories first: a file must give way to a directory that comes after it.
  const root = directory()
  let before: ReadonlyArray<string> = []
  let folder: Folder = { directory: root, prefix: "" }
  const folders = paths.map((path): Folder => {
    if (!isBeside(before, path)) folder = enter(root, path)
    before = path
    return folder
  })

  let tries = 0
  const joined: Array<string> = []
  for (const [i, path] of paths.entries()) {
    const { directory: { directories, files }, prefix } = folders[i]!
    const wanted = path[path.length - 1]!
    let name = wanted
    let key = fold(name)
    for (let number = 1; files.has(key) || directories.has(key); number++) {
      if (++tries > MAX_RENAME_TRIES) return err("TooManyDuplicates")
      name = numbered(wanted, number)
      key = fold(name)
    }
    files.add(key)
    joined.push(prefix + name)
  }
  return ok(joined)
}

/** Whether two files lie in folders of the same names. */
const isBeside = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length - 1; i++) if (a[i] !== b[i]) return false
  return true
}

/** The folder of a file, made where it isn't yet. */
const enter = (root: Directory, path: ReadonlyArray<string>): Folder => {
  let at = root
  let prefix = ""
  for (let i = 0; i < path.length - 1; i++) {
    const key = fold(path[i]!)
    let next = at.directories.get(key)
    if (next === undefined) at.directories.set(key, next = directory())
    at = next
    prefix += `${path[i]}/`
  }
  return { directory: at, prefix }
}

/** With a number before the extension, and no longer than a component may be: the name itself is cut for it. */
const numbered = (name: string, number: number): string => {
  const dot = name.lastIndexOf(".")
  const extension = dot > 0 ? name.slice(dot) : ""
  const hasExtension = utf8(extension).length <= MAX_EXTENSION_BYTES
  const stem = hasExtension && dot > 0 ? name.slice(0, dot) : name
  const suffix = `.${number}`
  return hasExtension
    ? cut(stem, MAX_COMPONENT_BYTES - suffix.length) + suffix + extension
    : cut(stem, MAX_COMPONENT_BYTES) + suffix
}

/**
 * Equal for names that some file system takes for one: by case, or by how an accent is composed. Lower and then upper
 * case, since a few letters (the Kelvin sign, a final sigma) only meet on the second step; decomposed before and after,
 * since a change of case can compose or part what it changes.
 */
const fold = (name: string): string =>
  ASCII.test(name) ? name.toUpperCase() : name.normalize("NFD").toLowerCase().toUpperCase().normalize("NFD")

const ASCII = /^[\x20-\x7e]*$/
