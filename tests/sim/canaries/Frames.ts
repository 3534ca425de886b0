/** Taking what a client sends apart into messages, and putting it together again: for planting bugs in between. */
import * as Bytes from "../../../core/base/Bytes.ts"
import type { Command } from "../../../core/client/Command.ts"

/** One message; of a PIECE `bytes` is what stands before the block. */
export interface Frame {
  /** -1: the handshake, -2: a keep-alive. */
  readonly id: number
  readonly bytes: Bytes.Bytes
  readonly payload?: Bytes.Bytes
}

const PIECE = 7
const PIECE_HEAD_BYTES = 13
const HANDSHAKE_BYTES = 68

const frames = (chunks: ReadonlyArray<Bytes.Bytes>): ReadonlyArray<Frame> => {
  const found: Array<Frame> = []
  for (let i = 0; i < chunks.length; i += 2) {
    const chunk = chunks[i]!
    for (let at = 0; at < chunk.length;) {
      const isHandshake = at === 0 && i === 0 && chunk[0] === 19
      const length = new DataView(chunk.buffer, chunk.byteOffset + at).getUint32(0)
      const id = isHandshake ? -1 : length === 0 ? -2 : chunk[at + 4]!
      const bytes = isHandshake ? HANDSHAKE_BYTES : id === PIECE ? PIECE_HEAD_BYTES : 4 + length
      const frame = { id, bytes: chunk.slice(at, at + bytes) }
      found.push(id === PIECE ? { ...frame, payload: chunks[i + 1]! } : frame)
      at += bytes
    }
  }
  return found
}

/** Messages and payload by turns, as the client's own encoder puts them. */
const chunksOf = (all: ReadonlyArray<Frame>): ReadonlyArray<Bytes.Bytes> => {
  const chunks: Array<Bytes.Bytes> = []
  let words: Array<Bytes.Bytes> = []
  for (const { bytes, payload } of all) {
    words.push(bytes)
    if (payload === undefined) continue
    chunks.push(Bytes.concat(words), payload)
    words = []
  }
  if (words.length > 0) chunks.push(Bytes.concat(words))
  return chunks
}

/** The same commands with each message of each `Send` replaced by what `change` makes of it. */
export const rewrite = (
  commands: ReadonlyArray<Command>,
  change: (frame: Frame, conn: number) => ReadonlyArray<Frame>,
): ReadonlyArray<Command> =>
  commands.map((command) =>
    command._tag === "Send"
      ? {
        ...command,
        chunks: chunksOf(frames(command.chunks).flatMap((frame) => change(frame, command.conn))),
      }
      : command
  )

/** The number at this place among the three that follow the id: piece, begin, length. */
export const field = ({ bytes }: Frame, place: 0 | 1 | 2): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(5 + 4 * place)

/** The same message with another number at this place. */
export const withField = (frame: Frame, place: 0 | 1 | 2, value: number): Frame => {
  const bytes = frame.bytes.slice()
  new DataView(bytes.buffer).setUint32(5 + 4 * place, value)
  return { ...frame, bytes }
}
