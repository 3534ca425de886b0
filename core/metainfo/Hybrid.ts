/**
 * Torrents that are of version 1 and 2 at once: both halves must be of the same files, in the same order, with each file
 * that has bytes at the start of a piece (BEP 52, "Upgrade Path"), which the padding files of version 1 see to.
 */
import { ok, type Result } from "../base/Result.ts"
import type { File } from "./Metainfo.ts"
import { fail, type MetainfoError } from "./MetainfoError.ts"

/**
 * The files of version 1, padding included, with the roots of version 2. Fails with `HybridMismatch`, and where the two
 * differ first. Padding after the last file may be there or not: creators do either.
 */
export const join = (
  v1: ReadonlyArray<File>,
  v2: ReadonlyArray<File>,
  pieceBytes: number,
): Result<ReadonlyArray<File>, MetainfoError> => {
  const files: Array<File> = []
  let offset = 0
  let end = 0
  let next = 0
  for (const file of v1) {
    const start = offset
    offset += file.bytes
    if (file.isPadding) {
      files.push(file)
      continue
    }
    const twin = v2[next++]
    const where = `file ${next} of version 2`
    if (twin === undefined) return fail("HybridMismatch", "version 1 has files that version 2 has not")
    if (twin.path !== file.path) return fail("HybridMismatch", `${where} has another name in version 1`)
    if (twin.bytes !== file.bytes) return fail("HybridMismatch", `${where} has another size in version 1`)
    if ((twin.isSymlink ?? false) !== (file.isSymlink ?? false)) {
      return fail("HybridMismatch", `${where} is a symbolic link in one version alone`)
    }
    if (file.bytes > 0) {
      if (start !== end) return fail("HybridMismatch", `${where} has another place in version 1`)
      end = start + Math.ceil(file.bytes / pieceBytes) * pieceBytes
    }
    files.push(twin.piecesRoot === undefined ? file : { ...file, piecesRoot: twin.piecesRoot })
  }
  if (next < v2.length) return fail("HybridMismatch", "version 2 has files that version 1 has not")
  const last = v2.findLast((file) => file.bytes > 0)?.bytes ?? 0
  const unpadded = end - (Math.ceil(last / pieceBytes) * pieceBytes - last)
  return offset === end || offset === unpadded
    ? ok(files)
    : fail("HybridMismatch", "the padding after the last file doesn't end at a piece's end")
}
