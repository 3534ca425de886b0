import { describe, expect, it } from "@effect/vitest"
import * as Inspect from "../../cli/Inspect.ts"
import * as Verify from "../../cli/Verify.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import { metainfo } from "./support.ts"

const torrent = {
  ...metainfo({
    name: "al\x1b[31mbum",
    files: [{ path: "album/a\n.flac", bytes: 20_000 }, { path: "album/.pad/1", bytes: 12_768 }, {
      path: "album/b",
      bytes: 1,
    }],
    trackers: [["http://one/announce", "udp://two"], ["http://three"]],
    comment: "so\rso",
    creationDate: 1_700_000_000,
  }),
}
const padded = {
  ...torrent,
  files: torrent.files.map((file, index) => ({ ...file, isPadding: index === 1 })),
}

describe("shoal inspect", () => {
  it("shows everything in columns, without a control character", () => {
    expect(Inspect.toText(padded)).toBe([
      "name       al\ufffd[31mbum",
      `info-hash  ${"ab".repeat(20)}`,
      "size       32.0 KiB (32769 bytes)",
      "pieces     3 pieces of 16.0 KiB",
      "private    no",
      "tracker 1  http://one/announce, udp://two",
      "tracker 2  http://three",
      "comment    so\ufffdso",
      "created    2023-11-14T22:13:20Z",
      "files",
      "  1  19.5 KiB  album/a\ufffd.flac",
      "  3       1 B  album/b",
    ].join("\n"))
  })

  it("gives scripts the documented fields, and leaves out what the torrent does not say", () => {
    expect(JSON.parse(JSON.stringify(Inspect.toJson(padded)))).toEqual({
      name: "al\x1b[31mbum",
      infoHash: "ab".repeat(20),
      versions: [1],
      totalLength: 32_769,
      pieceLength: 16_384,
      pieceCount: 3,
      private: false,
      trackers: [["http://one/announce", "udp://two"], ["http://three"]],
      webSeeds: [],
      comment: "so\rso",
      creationDate: 1_700_000_000,
      files: [{ index: 1, path: "album/a\n.flac", length: 20_000 }, { index: 3, path: "album/b", length: 1 }],
      warnings: [],
    })
  })

  it("shows a date that no calendar has as its number", () => {
    expect(Inspect.toText({ ...torrent, creationDate: 1e20 })).toContain("created    100000000000000000000\n")
  })

  it("does not mind more files than a call may have arguments", () => {
    const files = Array.from({ length: 200_000 }, (_, index) => ({ path: `f${index}`, bytes: 1 }))
    expect(Inspect.toText(metainfo({ files })).split("\n").at(-1)).toBe("  200000  1 B  f199999")
  })
})

it("verify judges neither padding nor symbolic links, which are never on the disk", () => {
  const linked = {
    ...padded,
    files: padded.files.map((file, index) => ({ ...file, isSymlink: index === 2 })),
  }
  const stats = [{ bytes: 20_000, mtimeMs: 0 }, undefined, undefined]
  expect(Verify.judge(linked, stats, Bitfield.full(3))).toEqual([{
    index: 1,
    path: "album/a\n.flac",
    state: "ok",
  }])
})
