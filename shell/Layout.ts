/** Which files a torrent's bytes lie in on the disk: shared by every layer of `BlockStore`. */
import { assert } from "../core/base/Assert.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import * as Geometry from "../core/metainfo/Geometry.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"

export interface LayoutFile {
  /** Sanitised, relative to the directory, `/` between components. */
  readonly path: string
  readonly bytes: number
  /** Bytes of a padding file (BEP 47) are zero and never on the disk. */
  readonly isPadding: boolean
  /** Bytes of an unwanted file, which come with the pieces at its borders, go into the parts file. */
  readonly isWanted: boolean
}

export interface Layout {
  /** Absolute; created with the first file. It may be a link, what is below it may not. */
  readonly directory: string
  /** In the order of `geometry.files`. */
  readonly files: ReadonlyArray<LayoutFile>
  readonly geometry: Geometry.Geometry
  /** Relative to the directory: a sparse file for the bytes of unwanted files, at their offset in the torrent. */
  readonly partsFile: string
}

/** Where a torrent's files lie below `directory`; `selection` holds the indexes of wanted files, `undefined`: all. */
export const of = (
  { files, geometry, infoHash }: Metainfo,
  directory: string,
  selection: ReadonlySet<number> | undefined,
): Layout => ({
  directory,
  geometry,
  files: files.map((file, fileIndex) => ({
    ...file,
    // Links are not created: one that leads out of the directory would let the next file follow it.
    isWanted: file.isSymlink !== true && (selection === undefined || selection.has(fileIndex)),
  })),
  partsFile: `.shoal/${infoHash}.parts`,
})

/** Part of a file on the disk. */
export interface Extent {
  /** Absolute; `undefined` for padding, whose bytes are zero. */
  readonly path: string | undefined
  /** First byte, counted from the start of the file. */
  readonly offset: number
  readonly bytes: number
  /** The torrent's file that these bytes belong to. */
  readonly fileIndex: number
}

/** The absolute path of what `path` names below the layout's directory. */
export const absolute = (layout: Layout, path: string): string =>
  `${layout.directory.replace(/\/+$/, "")}/${path}`

/** Where bytes of the torrent lie, for every layer: `locate` of {@link TorrentStore}. */
export const locate = (layout: Layout, offset: number, bytes: number): Array<Extent> =>
  Geometry.segments(layout.geometry, offset, bytes).map((segment): Extent => {
    const file = layout.files[segment.fileIndex]!
    if (file.isPadding) return { ...segment, path: undefined }
    if (file.isWanted) return { ...segment, path: absolute(layout, file.path) }
    const start = layout.geometry.files[segment.fileIndex]!.offset
    return { ...segment, path: absolute(layout, layout.partsFile), offset: start + segment.offset }
  })

/** How many bytes of a file the parts file has, when it is `partsBytes` long: what `stats` tells of an unwanted file. */
export const bytesInParts = (layout: Layout, fileIndex: number, partsBytes: number): number => {
  const { offset, bytes } = layout.geometry.files[fileIndex]!
  return Math.max(0, Math.min(bytes, partsBytes - offset))
}

/** Crashes on a layout that contradicts itself, which is a bug of whoever made it. */
export const assertLayout = (layout: Layout): void => {
  assert(layout.files.length === layout.geometry.files.length, "the layout has the files of the geometry")
  layout.files.forEach((file, index) =>
    assert(file.bytes === layout.geometry.files[index]!.bytes, "a file is as long as the geometry says")
  )
}

/**
 * Cuts `buffers` along `extents`, which are as long together: for each extent, views of the bytes that belong to it.
 */
export const scatter = (
  extents: ReadonlyArray<Extent>,
  buffers: ReadonlyArray<Bytes>,
): Array<readonly [Extent, Array<Bytes>]> => {
  let index = 0
  let used = 0
  return extents.map((extent) => {
    const views: Array<Bytes> = []
    for (let left = extent.bytes; left > 0;) {
      const buffer = buffers[index]!
      const taken = Math.min(left, buffer.length - used)
      if (taken > 0) views.push(taken === buffer.length ? buffer : buffer.subarray(used, used + taken))
      left -= taken
      used += taken
      if (used === buffer.length) {
        index++
        used = 0
      }
    }
    return [extent, views]
  })
}

/** The bytes of all buffers together. */
export const totalBytes = (buffers: ReadonlyArray<Bytes>): number => {
  let bytes = 0
  for (const buffer of buffers) bytes += buffer.length
  return bytes
}
