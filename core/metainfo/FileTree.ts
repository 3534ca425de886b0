/** The `file tree` of an `info` dictionary in version 2 form (BEP 52): directories within directories, as bencode nests them. */
import { type Bytes, latin1 } from "../base/Bytes.ts"
import { ok, type Result } from "../base/Result.ts"
import { HASH_BYTES } from "../base/Sha256.ts"
import * as Value from "../bencode/Value.ts"
import * as FilePath from "./FilePath.ts"
import * as Files from "./Files.ts"
import { MAX_TOTAL_BYTES, MAX_TREE_PATH_UNITS, MAX_V2_FILE_BYTES } from "./Limits.ts"
import { fail, type MetainfoError } from "./MetainfoError.ts"

/** A directory whose entries are being read; explicit, so that a deep tree takes no stack. */
interface Level {
  readonly entries: Iterator<readonly [string, Value.Value]>
  readonly components: ReadonlyArray<string>
  /** What `components` count against {@link MAX_TREE_PATH_UNITS}. */
  readonly units: number
}

const COMPONENT_UNITS = 8

/**
 * Reads the files, in the order of the tree, which is that of their names' bytes. A lone file at the top is a torrent of
 * a single file and has its own name, unless a list of version 1 says that there is a directory; else all are below
 * `name`, the sanitised one of the torrent. At least one file, and one byte in all.
 */
export const read = (
  tree: Value.Dict,
  name: string,
  names: FilePath.Names,
  isDirectoryInV1: boolean,
): Result<Files.FileList, MetainfoError> => {
  const isDirectory = isDirectoryInV1 || !isSingle(tree)
  const entries: Array<Files.Entry> = []
  const roots: Array<Bytes | undefined> = []
  const changes: Files.Changes = { count: 0, example: "" }
  const stack: Array<Level> = [
    isDirectory ? level(tree, [name], name.length + COMPONENT_UNITS) : level(tree, [], 0),
  ]
  let units = 0
  let totalBytes = 0
  for (let top = stack[0]; top !== undefined; top = stack[stack.length - 1]) {
    const next = top.entries.next()
    if (next.done === true) {
      stack.pop()
      continue
    }
    const [key, value] = next.value
    const where = `file ${entries.length + 1} of info.file tree`
    if (key === "") {
      return fail("BadFileTree", `${where}: a directory is a file, too, or something has an empty name`)
    }
    if (value._tag !== "Dict") return fail("BadFileTree", `${where}: neither a file nor a directory`)

    const raw = latin1(key)
    const safe = FilePath.component(raw, names) || "_"
    Files.note(changes, raw, safe)
    const components = [...top.components, safe]
    const pathUnits = top.units + safe.length + COMPONENT_UNITS
    if (!isFile(value)) {
      stack.push(level(value, components, pathUnits))
      continue
    }
    const file = readFile(value.entries.get("")!, where)
    if (!file.ok) return file
    const { bytes, isSymlink, root } = file.value
    totalBytes += bytes
    if (totalBytes > MAX_TOTAL_BYTES) {
      return fail("TotalTooLarge", `the files have over ${MAX_TOTAL_BYTES} bytes up to ${where}`)
    }
    units += pathUnits
    if (units > MAX_TREE_PATH_UNITS) return fail("PathsTooLong", `${where}: the paths are too long in all`)
    entries.push({ components, bytes, isPadding: false, isSymlink })
    roots.push(root)
  }
  if (entries.length === 0) return fail("NoFiles", "info.file tree has no file")
  if (totalBytes === 0) return fail("NoContent", "the files have no byte, so there is nothing to download")

  const list = Files.finish(entries, changes)
  if (!list.ok) return list
  const files = list.value.files.map((file, i) => {
    const piecesRoot = roots[i]
    return piecesRoot === undefined ? file : { ...file, piecesRoot }
  })
  return ok({ ...list.value, files, isDirectory })
}

const level = ({ entries }: Value.Dict, components: ReadonlyArray<string>, units: number): Level => ({
  entries: entries[Symbol.iterator](),
  components,
  units,
})

/** What an empty key alone is in describes a file. */
const isFile = ({ entries }: Value.Dict): boolean => entries.size === 1 && entries.has("")

const isSingle = ({ entries }: Value.Dict): boolean => {
  const [only] = entries.values()
  return entries.size === 1 && only?._tag === "Dict" && isFile(only)
}

interface Properties {
  readonly bytes: number
  readonly isSymlink: boolean
  readonly root: Bytes | undefined
}

const readFile = (value: Value.Value, where: string): Result<Properties, MetainfoError> => {
  if (value._tag !== "Dict") return fail("BadFileTree", `${where}: not described by a dictionary`)
  const attributes = Value.bytes(value.entries.get("attr"))
  if (attributes !== undefined && attributes.includes(0x70)) { // p
    return fail("PaddingInFileTree", `${where}: marked as padding, which version 2 has none of`)
  }
  const isSymlink = attributes !== undefined && attributes.includes(0x6c) // l
  // A link occupies nothing, whatever its length says (BEP 47).
  if (isSymlink) return ok({ bytes: 0, isSymlink, root: undefined })

  const length = value.entries.get("length")
  if (length === undefined) return fail("MissingFileLength", `${where}: no length`)
  const bytes = Value.integer(length, 0, MAX_V2_FILE_BYTES)
  if (bytes === undefined) {
    return fail(
      "BadFileLength",
      `${where}: the length is not a whole number from 0 to ${MAX_V2_FILE_BYTES}`,
    )
  }
  if (bytes === 0) return ok({ bytes, isSymlink, root: undefined })
  const pieces = value.entries.get("pieces root")
  if (pieces === undefined) return fail("MissingPiecesRoot", `${where}: no pieces root`)
  const root = Value.bytesOf(pieces, HASH_BYTES)
  // No hash is all zeros, and where hashes are expected zeros mean that there is none.
  return root === undefined || root.every((byte) => byte === 0)
    ? fail("BadPiecesRoot", `${where}: the pieces root is not a hash of ${HASH_BYTES} bytes`)
    : ok({ bytes, isSymlink, root })
}
