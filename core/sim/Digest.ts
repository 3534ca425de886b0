/**
 * The fingerprint of a run: every event's time, node and kind, and every command. It is made as the run goes on and must
 * cost little, so it mixes words instead of values; payload is left out, for it follows from its place.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as Whole from "../base/Digest.ts"
import type { Millis } from "../base/Time.ts"
import type { Command } from "../client/Command.ts"

export type Digest = Whole.Digest

export const make: () => Digest = Whole.make
export const toHex: (digest: Digest) => string = Whole.toHex

const word = (digest: Digest, value: number): void => {
  const a = digest.a ^ Math.imul(value, 0x9e3779b1)
  const b = digest.b ^ Math.imul((value << 16) | (value >>> 16), 0xbb67ae85)
  digest.a = (Math.imul((a << 13) | (a >>> 19), 5) + 0x3c6ef372) | 0
  digest.b = (Math.imul((b << 17) | (b >>> 15), 9) + 0x54ff53a5) | 0
}

/** An event; `node` is the one that it happens to. The time counts to the last bit. */
export const event = (digest: Digest, now: Millis, node: number, kind: number): void => {
  const whole = Math.floor(now)
  word(digest, whole | 0)
  word(digest, ((now - whole) * 2 ** 32) | 0)
  word(digest, (node << 3) | kind)
}

/** What a client asked for. */
export const command = (digest: Digest, command: Command): void => {
  switch (command._tag) {
    case "Send":
      word(digest, 1)
      word(digest, command.conn)
      return chunks(digest, command.chunks)
    case "Write":
      word(digest, 2)
      word(digest, command.piece)
      word(digest, command.begin)
      return word(digest, command.bytes.length)
    case "Read":
      word(digest, 3)
      word(digest, command.conn)
      word(digest, command.piece)
      word(digest, command.begin)
      return word(digest, command.length)
    case "Hash":
      word(digest, 4)
      return word(digest, command.piece)
    case "HashBlocks":
      word(digest, 5)
      return word(digest, command.piece)
    case "Dial":
      word(digest, 6)
      word(digest, command.conn)
      return text(digest, command.address.host)
    case "Close":
      word(digest, 7)
      return word(digest, command.conn)
    case "PauseReads":
    case "ResumeReads":
      word(digest, command._tag === "PauseReads" ? 8 : 9)
      return word(digest, command.conn)
    case "Announce":
      word(digest, 10)
      word(digest, command.tracker)
      word(digest, command.request.leftBytes / 2 ** 16)
      return text(digest, command.request.event ?? "")
    case "Emit":
      word(digest, 11)
      return text(digest, command.event._tag)
  }
}

/** A block's payload stands at every second place of what a client sends: of it only the length counts. */
const chunks = (digest: Digest, list: ReadonlyArray<Bytes>): void => {
  word(digest, list.length)
  for (let i = 0; i < list.length; i++) {
    const chunk = list[i]!
    word(digest, chunk.length)
    if (i % 2 === 0) bytes(digest, chunk)
  }
}

const bytes = (digest: Digest, chunk: Bytes): void => {
  let i = 0
  for (; i + 4 <= chunk.length; i += 4) {
    word(digest, chunk[i]! | (chunk[i + 1]! << 8) | (chunk[i + 2]! << 16) | (chunk[i + 3]! << 24))
  }
  for (; i < chunk.length; i++) word(digest, chunk[i]!)
}

const text = (digest: Digest, value: string): void => {
  for (let i = 0; i < value.length; i++) word(digest, value.charCodeAt(i))
}
