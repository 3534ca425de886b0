/** How large the pieces of a new torrent are: every size allowed here is one that all clients read. */

/** One block (BEP 3); smaller pieces only make the `.torrent` file larger. */
export const MIN_BYTES = 16 * 1024

/** Above this a piece takes too long to be passed on, and clients begin to refuse it. */
export const MAX_BYTES = 64 * 1024 * 1024

/** True for a power of two from {@link MIN_BYTES} to {@link MAX_BYTES}. */
export const isAllowed = (bytes: number): boolean =>
  Number.isInteger(Math.log2(bytes)) && bytes >= MIN_BYTES && bytes <= MAX_BYTES

/**
 * The piece size for so many bytes of content: the smallest allowed one whose square is at least a hundred times that.
 * Pieces and their number grow alike, each by two when the content grows by four; libtorrent 2 chooses the same up to 16 MiB.
 */
export const choose = (totalBytes: number): number => {
  let bytes = MIN_BYTES
  while (bytes < MAX_BYTES && bytes * bytes < totalBytes * 100) bytes *= 2
  return bytes
}
