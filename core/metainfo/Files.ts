/** The files of an `info` dictionary in version 1 form: one `length`, or a list `files` (BEP 3), with BEP 47's attributes. */
import { ok, type Result } from "../base/Result.ts"
import { type Bytes, equals, latin1, toUtf8 } from "../base/Bytes.ts"
import * as Value from "../bencode/Value.ts"
import * as FilePath from "./FilePath.ts"
import { MAX_FILES, MAX_PATH_DEPTH, MAX_TOTAL_BYTES } from "./Limits.ts"
import type { File } from "./Metainfo.ts"
import { fail, type MetainfoError } from "./MetainfoError.ts"

export interface FileList {
  readonly files: ReadonlyArray<File>
  /** The torrent has a directory, even if of one file. */
  readonly isDirectory: boolean
  readonly warnings: ReadonlyArray<string>
}

/** Reads the files; `name` is the sanitised name of the torrent. At least one file, and one byte in all. */
export const read = (
  info: Value.Dict,
  name: string,
  names: FilePath.Names,
): Result<FileList, MetainfoError> => {
  const files = info.entries.get("files")
  return files === undefined ? readSingle(info, name) : readMany(files, name, names)
}

const readSingle = (info: Value.Dict, name: string): Result<FileList, MetainfoError> => {
  const value = info.entries.get("length")
  if (value === undefined) return fail("MissingFileLength", "info has neither length nor files")
  const bytes = Value.integer(value, 0)
  if (bytes === undefined) return fail("BadFileLength", "info.length is not a whole number from 0")
  if (bytes > MAX_TOTAL_BYTES) return fail("TotalTooLarge", `info.length is over ${MAX_TOTAL_BYTES} bytes`)
  if (bytes === 0) return fail("NoContent", "info.length is 0, so there is nothing to download")
  return ok({ files: [{ path: name, bytes, isPadding: false }], isDirectory: false, warnings: [] })
}

/** A file before its name is made unique. */
export interface Entry {
  readonly components: ReadonlyArray<string>
  readonly bytes: number
  readonly isPadding: boolean
  readonly isSymlink: boolean
}

const readMany = (
  value: Value.Value,
  name: string,
  names: FilePath.Names,
): Result<FileList, MetainfoError> => {
  if (value._tag !== "List") return fail("BadFiles", "info.files is not a list")
  if (value.size > MAX_FILES) {
    return fail("TooManyFiles", `info.files has ${value.size} files, the limit is ${MAX_FILES}`)
  }
  if (value.size === 0) return fail("NoFiles", "info.files is empty")
  const entries: Array<Entry> = []
  let before: Named = { raw: [], components: [] }
  const changes: Changes = { count: 0, example: "" }
  let totalBytes = 0
  let next = 0
  // What is read of one file is done with before the next one: so many small values are better not kept.
  for (const item of value.each()) {
    const i = next++
    const file = Value.dict(item)
    if (file === undefined) return fail("BadFiles", `info.files[${i}] is not a dictionary`)
    const attributes = Value.bytes(file.get("attr"))
    const hasPaddingMark = attributes !== undefined && attributes.includes(0x70) // p
    const isSymlink = attributes !== undefined && attributes.includes(0x6c) // l

    const length = file.get("length")
    // A link occupies nothing, whatever its length says (BEP 47).
    const bytes = isSymlink ? 0 : Value.integer(length, 0)
    if (bytes === undefined) {
      return length === undefined
        ? fail("MissingFileLength", `info.files[${i}] has no length`)
        : fail("BadFileLength", `info.files[${i}].length is not a whole number from 0`)
    }
    totalBytes += bytes
    if (totalBytes > MAX_TOTAL_BYTES) {
      return fail("TotalTooLarge", `the files have over ${MAX_TOTAL_BYTES} bytes up to info.files[${i}]`)
    }

    const raw = readPath(file, i)
    if (!raw.ok) {
      if (!hasPaddingMark || raw.error.reason !== "MissingPath") return raw
      entries.push({ components: [".pad", `${bytes}`], bytes, isPadding: true, isSymlink })
      continue
    }
    const isPadding = hasPaddingMark || isPaddingName(raw.value[raw.value.length - 1]!)
    const components = [name]
    for (let depth = 0; depth < raw.value.length; depth++) {
      const part = raw.value[depth]!
      const known = before.raw[depth]
      // Mostly the folders are those of the file before, whose texts are then shared.
      const safe = known !== undefined && equals(known, part)
        ? before.components[depth + 1]!
        // Forced to something, so that the file stays as deep as it was and does not meet others.
        : FilePath.component(part, names) || "_"
      components.push(safe)
      if (!isPadding) note(changes, part, safe)
    }
    before = { raw: raw.value, components }
    entries.push({ components, bytes, isPadding, isSymlink })
  }
  if (totalBytes === 0) return fail("NoContent", "the files have no byte, so there is nothing to download")
  return finish(entries, changes)
}

/** A path as it came, and made safe behind the torrent's name. */
interface Named {
  readonly raw: ReadonlyArray<Bytes>
  readonly components: ReadonlyArray<string>
}

/** Components of paths that had to be changed to be safe: how many, and the first of them. */
export interface Changes {
  count: number
  example: string
}

/** Counts a component that is not what its raw bytes say. */
export const note = (changes: Changes, raw: Bytes, safe: string): void => {
  if (isText(raw, safe)) return
  changes.count++
  if (changes.example === "") changes.example = safe
}

/** Gives each file that is written a path of its own; they keep their order. */
export const finish = (
  entries: ReadonlyArray<Entry>,
  changes: Changes,
): Result<FileList, MetainfoError> => {
  const written = entries.filter((entry) => !entry.isPadding)
  const unique = FilePath.unique(written.map((entry) => entry.components))
  if (!unique.ok) return fail(unique.error, "too many files have the same name")
  let renamed = 0
  let next = 0
  const files = entries.map(({ components, bytes, isPadding, isSymlink }): File => {
    const path = isPadding ? components.join("/") : unique.value[next++]!
    if (!isNamed(path, components[components.length - 1]!)) renamed++
    return isSymlink ? { path, bytes, isPadding, isSymlink } : { path, bytes, isPadding }
  })
  const warnings: Array<string> = []
  if (changes.count > 0) {
    warnings.push(
      `parts of file names changed to be safe: ${changes.count}, for example to ${changes.example}`,
    )
  }
  if (renamed > 0) warnings.push(`files numbered because their names were taken: ${renamed}`)
  if (files.some((file) => file.isSymlink)) warnings.push("symbolic links are not created")
  return ok({ files, isDirectory: true, warnings })
}

/** Whether a path ends in `name` as its last component; compared so that no text is made for it. */
const isNamed = (path: string, name: string): boolean =>
  path.endsWith(name) && (path.length === name.length || path[path.length - name.length - 1] === "/")

const isText = (bytes: Bytes, text: string): boolean => {
  let i = 0
  while (i < bytes.length && bytes[i]! < 0x80 && text.charCodeAt(i) === bytes[i]) i++
  return i === bytes.length ? text.length === i : toUtf8(bytes) === text
}

/** What BitComet, which had padding files first, calls them; others go by this name too, as they have no attribute. */
const PADDING_NAME = latin1("_____padding_file_")

const isPaddingName = (name: Bytes): boolean =>
  name.length >= PADDING_NAME.length && equals(name.subarray(0, PADDING_NAME.length), PADDING_NAME)

/** The raw components of a path: `path.utf-8` where it is usable, else `path`. */
const readPath = (file: Value.Dict, index: number): Result<ReadonlyArray<Bytes>, MetainfoError> => {
  const preferred = Value.firstOf(file.get("path.utf-8"), MAX_PATH_DEPTH + 1)
  const value = file.get("path")
  const items =
    preferred !== undefined && preferred.length > 0 && preferred.every((part) => part._tag === "Text")
      ? preferred
      : Value.firstOf(value, MAX_PATH_DEPTH + 1)
  const where = `info.files[${index}].path`
  if (items === undefined) {
    return value === undefined
      ? fail("MissingPath", `${where} is missing`)
      : fail("BadPath", `${where} is not a list`)
  }
  if (items.length === 0) return fail("BadPath", `${where} is an empty list`)
  if (items.length > MAX_PATH_DEPTH) {
    return fail("DirectoryTooDeep", `${where} has more than ${MAX_PATH_DEPTH} parts`)
  }
  const parts: Array<Bytes> = []
  for (const item of items) {
    const bytes = Value.bytes(item)
    if (bytes === undefined) return fail("BadPath", `${where} has a part that is not a text`)
    parts.push(bytes)
  }
  return ok(parts)
}
