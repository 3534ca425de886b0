import { describe, expect, it } from "@effect/vitest"
import * as DemoView from "../../cli/DemoView.ts"
import type { Link } from "../../shell/LoopbackSwarm.ts"
import type { TorrentSnapshot } from "../../shell/Session.ts"

const MIB = 1024 * 1024

const snapshot = (haveBytes: number, downloadedBytes: number, uploadedBytes: number): TorrentSnapshot => ({
  state: haveBytes === 8 * MIB ? "complete" : "downloading",
  wantedBytes: 8 * MIB,
  haveBytes,
  downloadedBytes,
  uploadedBytes,
  wastedBytes: 0,
  downloadRateBytesPerSec: haveBytes === 8 * MIB ? 0 : MIB,
  uploadRateBytesPerSec: 2 * MIB,
  ratio: uploadedBytes / (8 * MIB),
  peersConnected: 2,
  peersKnown: 2,
  piecesHave: 0,
  pieceCount: 8,
  hashFailures: 0,
})

const link = (from: number, to: number, isChoked: boolean, isWanted = true): Link => ({
  from,
  to,
  isChoked,
  isWanted,
})

const view: DemoView.View = {
  members: [
    { index: 0, snapshot: snapshot(8 * MIB, 0, 10 * MIB) },
    { index: 1, snapshot: snapshot(4 * MIB, 4 * MIB, MIB) },
    { index: 2, snapshot: snapshot(2 * MIB, 2 * MIB, 0) },
  ],
  links: [
    link(0, 2, false),
    link(0, 1, false),
    link(1, 0, true, false),
    link(2, 0, true, false),
    link(1, 2, true),
    link(2, 1, false),
  ],
}

describe("the demo's view", () => {
  it("piped says of each member what it has, whom it gives to and whom it chokes", () => {
    expect(DemoView.draw(view).lines()).toEqual([
      "100.0% seeder: up 2.0 MiB/s  gives to 1 2",
      "50.0% peer 1: down 1.0 MiB/s, up 2.0 MiB/s  chokes 2",
      "25.0% peer 2: down 1.0 MiB/s, up 2.0 MiB/s  gives to 1",
    ])
  })

  it.each([20, 40, 79, 120])("live keeps within %i columns", (columns) => {
    const lines = DemoView.draw(view).block(columns, false)
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
  })

  it("ends with a table of bytes", () => {
    expect(DemoView.table(view)).toEqual([
      "           down        up  ratio",
      "seeder      0 B  10.0 MiB   1.25",
      "peer 1  4.0 MiB   1.0 MiB   0.12",
      "peer 2  2.0 MiB       0 B   0.00",
    ])
  })
})
