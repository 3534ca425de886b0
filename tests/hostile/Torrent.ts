/** Torrents made up for bad inputs, written by the tests' own bencoder, and how shoal takes them. */
import { Buffer } from "node:buffer"
import process from "node:process"
import { expect } from "vitest"
import * as Parse from "../../core/metainfo/Parse.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Bencode from "../support/Bencode.ts"

type Fields = { readonly [key: string]: Bencode.Input | undefined }

/** A torrent of one file of one piece, with these fields of `info` instead; `undefined` leaves one out. */
export const single = (info: Fields = {}, root: Fields = {}): Uint8Array =>
  Bencode.encode({
    info: { name: "a", "piece length": 16_384, pieces: new Uint8Array(20), length: 1, ...info },
    ...root,
  })

/** A torrent of files of one byte each, by their paths. */
export const many = (
  paths: ReadonlyArray<ReadonlyArray<string | Uint8Array>>,
  info: Fields = {},
): Uint8Array =>
  single({
    name: "t",
    length: undefined,
    files: paths.map((path) => ({ length: 1, path })),
    pieces: new Uint8Array(20 * Math.ceil(Math.max(1, paths.length) / 16_384)),
    ...info,
  })

/** A torrent that says `text` wherever it may say something, besides its first tracker. */
export const named = (text: string, tracker: string): Uint8Array =>
  Bencode.encode({
    announce: tracker,
    "announce-list": [[tracker], [`http://127.0.0.1:9/${text}`]],
    "url-list": [`http://192.0.2.1/${text}`, text],
    comment: text,
    "created by": text,
    info: {
      name: text,
      source: text,
      "piece length": 16_384,
      pieces: new Uint8Array(20),
      files: [[text, `${text}.txt`], ["folder", text]].map((path) => ({ length: 1, path })),
    },
  })

/** The text as bytes, one a character. */
export const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** `ok`, or the reason of the refusal with its offset where it has one: `Truncated at 4`. */
export const verdict = (torrent: Uint8Array, options: Parse.Options = {}): string => {
  const parsed = Parse.parse(torrent, options)
  if (parsed.ok) return "ok"
  expect(parsed.error._tag).toBe("MetainfoError")
  expect(parsed.error.message).not.toBe("")
  return parsed.error.offset === undefined
    ? parsed.error.reason
    : `${parsed.error.reason} at ${parsed.error.offset}`
}

/** The torrent, which must be accepted. */
export const accepted = (torrent: Uint8Array, options: Parse.Options = {}): Metainfo => {
  const parsed = Parse.parse(torrent, options)
  if (!parsed.ok) throw new Error(`${parsed.error.reason}: ${parsed.error.message}`)
  return parsed.value
}

/**
 * What `body` gives, if it takes at most so many milliseconds of a processor: its own, however busy the machine is. The
 * limits are generous: they tell time that grows with the square of the input from time that does not.
 */
export const within = <A>(cpuMs: number, body: () => A): A => {
  const before = process.cpuUsage()
  const result = body()
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1_000, "milliseconds of a processor").toBeLessThan(cpuMs)
  return result
}
