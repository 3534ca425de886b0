import { describe, expect, it } from "@effect/vitest"
import type * as State from "../../../core/torrent/State.ts"
import { CoreNetwork, type MachineOptions } from "../../support/CoreNetwork.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"

const MIB = 1024 * 1024
const MINUTES = 60_000
const large = torrentOf(256 * 1024, [32 * MIB])
const other = torrentOf(256 * 1024, [16 * MIB, 1])

/** As many slots as peers, so that nothing but the limit decides. */
const open: Partial<State.Options> = {
  choker: { leeching: "tit-for-tat", seeding: "round-robin", slots: { _tag: "Fixed", slots: 20 } },
}

/** MiB a second that machine `at` moved until the time that the network stands at. */
const rateOf = (network: CoreNetwork, at: number, direction: "uploadRate" | "downloadRate"): number =>
  network.torrents.reduce((sum, _, i) => sum + network.torrent(at, i + 1)[direction].totalBytes, 0) * 1_000 /
  network.now / MIB

const expectHeld = (rate: number, limit = 1): void => {
  expect(rate).toBeGreaterThan(0.95 * limit)
  expect(rate).toBeLessThan(1.05 * limit)
}

describe("the upload limit holds within 5 %", () => {
  const leecher: MachineOptions = {
    dials: [0],
    options: { choker: { ...open.choker!, slots: { _tag: "Fixed", slots: 0 } } },
  }
  const cases: Readonly<Record<string, MachineOptions>> = {
    "of the client": { limits: { uploadRateBytesPerSec: MIB }, options: open },
    "of the torrent": { options: { ...open, maxUploadRateBytesPerSec: MIB } },
    "the lower one of both": {
      limits: { uploadRateBytesPerSec: 3 * MIB },
      options: { ...open, maxUploadRateBytesPerSec: MIB },
    },
  }
  for (const [name, seeder] of Object.entries(cases)) {
    it(`${name}, for one peer`, () => {
      const network = new CoreNetwork({ torrents: [large], machines: [{ has: "all", ...seeder }, leecher] })
      network.run(2 * MINUTES, () => network.isComplete(1))
      expect(network.isComplete(1) && network.isIntact(1)).toBe(true)
      expectHeld(rateOf(network, 0, "uploadRate"))
    })

    it(`${name}, for several, each getting its share`, () => {
      const leechers = [1, 2, 3, 4, 5].map(() => leecher)
      const network = new CoreNetwork({
        torrents: [large],
        machines: [{ has: "all", ...seeder }, ...leechers],
      })
      network.run(32_000)
      expectHeld(rateOf(network, 0, "uploadRate"))
      for (const at of [1, 2, 3, 4, 5]) expectHeld(5 * rateOf(network, at, "downloadRate"))
    })
  }

  it("of the client over several torrents, each getting its share", () => {
    const seeder: MachineOptions = { has: "all", limits: { uploadRateBytesPerSec: MIB }, options: open }
    const network = new CoreNetwork({ torrents: [large, other], machines: [seeder, leecher, leecher] })
    network.run(20_000)
    expectHeld(rateOf(network, 0, "uploadRate"))
    for (const id of [1, 2]) {
      expectHeld(2 * network.torrent(0, id).uploadRate.totalBytes * 1_000 / network.now / MIB)
    }
  })

  it("and leaves what another torrent may not use to the others", () => {
    const seeder: MachineOptions = { has: "all", limits: { uploadRateBytesPerSec: MIB }, options: open }
    const network = new CoreNetwork({ torrents: [large, other], machines: [seeder, leecher] })
    network.run(1)
    network.input(network.machines[0]!, {
      _tag: "TorrentLimits",
      now: network.now,
      torrent: 2,
      downloadRateBytesPerSec: 0,
      uploadRateBytesPerSec: MIB / 8,
    })
    network.run(20_000)
    expectHeld(rateOf(network, 0, "uploadRate"))
    expectHeld(8 * network.torrent(0, 2).uploadRate.totalBytes * 1_000 / network.now / MIB)
  })

  it("follows when it is changed, to nothing and back", () => {
    const network = new CoreNetwork({ torrents: [large], machines: [{ has: "all", options: open }, leecher] })
    const sent = (): number => network.torrent(0).uploadRate.totalBytes
    network.setLimits(0, { uploadRateBytesPerSec: MIB / 2 })
    network.run(10_000)
    expectHeld(sent() / 10 / MIB, 0.5)
    const before = sent()
    network.setLimits(0, { uploadRateBytesPerSec: MIB })
    network.run(20_000)
    expectHeld((sent() - before) / 10 / MIB)
    network.setLimits(0, {})
    network.run(22_000)
    expect(network.isComplete(1)).toBe(true)
  })
})

describe("the download limit holds within 5 %", () => {
  const seeder: MachineOptions = { has: "all", options: open }
  const cases: Readonly<Record<string, MachineOptions>> = {
    "of the client": { limits: { downloadRateBytesPerSec: MIB } },
    "of the torrent": { options: { maxDownloadRateBytesPerSec: MIB } },
  }
  for (const [name, leecher] of Object.entries(cases)) {
    for (const seeders of [[1], [1, 2, 3, 4, 5]]) {
      it(`${name}, from ${seeders.length}`, () => {
        const machines = [{ dials: seeders, ...leecher }, ...seeders.map(() => seeder)]
        const network = new CoreNetwork({ torrents: [large], machines })
        network.run(2 * MINUTES, () => network.isComplete(0))
        expect(network.isComplete(0) && network.isIntact(0)).toBe(true)
        expectHeld(32 * 1_000 / network.now)
      })
    }
  }

  it("of one torrent leaves the other alone, and can be changed", () => {
    const network = new CoreNetwork({ torrents: [large, other], machines: [{ dials: [1] }, seeder] })
    network.run(1)
    const limit = (downloadRateBytesPerSec: number): void =>
      network.input(network.machines[0]!, {
        _tag: "TorrentLimits",
        now: network.now,
        torrent: 1,
        downloadRateBytesPerSec,
        uploadRateBytesPerSec: 0,
      })
    limit(MIB)
    network.run(10_000)
    expect(network.isComplete(0, 2)).toBe(true)
    expectHeld(network.torrent(0, 1).downloadRate.totalBytes / 10 / MIB)
    limit(0)
    network.run(12_000)
    expect(network.isComplete(0, 1)).toBe(true)
  })
})

describe("peers on the local network", () => {
  const limits = { downloadRateBytesPerSec: MIB, uploadRateBytesPerSec: MIB }
  const swarm = (isLanExempt: boolean): CoreNetwork =>
    new CoreNetwork({
      torrents: [large],
      machines: [
        { has: "all", options: open, limits: { ...limits, isLanExempt } },
        { host: "192.168.1.7", dials: [0], options: open },
        { host: "80.4.4.4", dials: [0], options: { ...open, maxPeers: 1 } },
      ],
    })

  it("are exempt if the user wants it so, and the others are not", () => {
    const network = swarm(true).run(10_000)
    expect(network.isComplete(1)).toBe(true)
    expectHeld(rateOf(network, 2, "downloadRate"))
  })

  it("count like the others if not", () => {
    const network = swarm(false).run(10_000)
    expectHeld(rateOf(network, 0, "uploadRate"))
  })
})
