import { describe, expect, it } from "vitest"
import { AssertionFailure } from "../../../core/base/Assert.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Picker from "../../../core/torrent/Picker.ts"
import * as Pictures from "../../support/Pictures.ts"

/** What peer p, who has everything unless said otherwise, is asked for. */
interface Ask extends Pictures.Scene {
  readonly peer?: string
  readonly has?: string
  readonly count: number
  readonly isExclusive?: boolean
  readonly mayTakeOver?: boolean
  readonly mayDuplicate?: boolean
  readonly only?: ReadonlyArray<number>
  readonly suggested?: ReadonlyArray<number>
}

const pickFrom = (picker: Picker.Picker, ask: Omit<Ask, "blocks">, seed = 7): Array<Geometry.BlockIndex> => {
  const context: Picker.PickContext = {
    peer: Pictures.peer(ask.peer ?? "p"),
    has: ask.has === undefined ? Bitfield.full(picker.geometry.pieceCount) : Pictures.bits(ask.has),
    count: ask.count,
    isExclusive: ask.isExclusive ?? false,
    mayTakeOver: ask.mayTakeOver ?? false,
    mayDuplicate: ask.mayDuplicate ?? false,
    ...(ask.only === undefined ? {} : { only: new Set(ask.only) as Set<Geometry.PieceIndex> }),
    ...(ask.suggested === undefined ? {} : { suggested: new Set(ask.suggested) as Set<Geometry.PieceIndex> }),
  }
  return Picker.pick(picker, context, Rng.make(seed))
}

/** The picture after the pick, with the picked blocks numbered. */
const picture = (ask: Ask, seed?: number): string => {
  const picker = Pictures.picker(ask)
  return Pictures.draw(picker, pickFrom(picker, ask, seed))
}

const block = (picker: Picker.Picker, piece: number, index: number): Geometry.BlockIndex =>
  Geometry.blockAt(picker.geometry, piece as Geometry.PieceIndex, index * Geometry.BLOCK_BYTES)

const p = (index: number): Geometry.PieceIndex => index as Geometry.PieceIndex

/** Which pieces are picked over many seeds, one block each. */
const choices = (scene: Ask): Set<number> => {
  const found = new Set<number>()
  for (let seed = 0; seed < 60; seed++) {
    const picker = Pictures.picker({ ...scene, seed })
    for (const picked of pickFrom(picker, scene, seed)) {
      found.add(Geometry.blockPiece(picker.geometry, picked))
    }
  }
  return found
}

describe("rarest first", () => {
  const done = "## ## ## ##" // past the random first pieces

  it("picks the rarest wanted piece that the peer has", () => {
    const ask = { blocks: `${done} .. .. .. .. ..`, availability: "444435142", count: 1 }
    expect(picture(ask)).toBe("## ## ## ## .. .. 1. .. ..")
    expect(picture({ ...ask, has: "    ** **" })).toBe("## ## ## ## .. .. .. .. 1.")
    expect(picture({ ...ask, has: "    ** **", wanted: "**** *** " })).toBe("## ## ## ## .. .. .. 1. ..")
    expect(picture({ ...ask, has: "****     " })).toBe("## ## ## ## .. .. .. .. ..")
  })

  it("picks equally rare pieces at random", () => {
    const blocks = `${done} .. .. .. .. .. ..`
    expect(choices({ blocks, availability: "4444212212", count: 1 })).toEqual(new Set([5, 8]))
    expect(choices({ blocks, availability: "4444222222", count: 1 })).toEqual(new Set([4, 5, 6, 7, 8, 9]))
    // All that differs is the index: no place may be favoured, however the counts came about.
    const tally = new Array<number>(10).fill(0)
    for (let seed = 0; seed < 3000; seed++) {
      const picker = Pictures.picker({ blocks, availability: "4444222222", seed })
      tally[Geometry.blockPiece(picker.geometry, pickFrom(picker, { count: 1 })[0]!)]!++
    }
    for (const count of tally.slice(4)) expect(Math.abs(count - 500)).toBeLessThan(120)
  })

  it("follows HAVEs and departures", () => {
    const picker = Pictures.picker({ blocks: `${done} .. .. ..`, availability: "1111122" })
    const picked = () => pickFrom(picker, { count: 1 }).map((at) => Geometry.blockPiece(picker.geometry, at))
    expect(picked()).toEqual([4])
    Picker.addHave(picker, p(4))
    Picker.addHave(picker, p(4))
    Picker.addHave(picker, p(5))
    expect(picked()).toEqual([6])
    Picker.removePeer(picker, Pictures.bits("    ** "))
    Picker.removePeer(picker, Pictures.bits("     * "))
    expect(picked()).toEqual([5])
    expect([4, 5, 6].map((piece) => Picker.availability(picker, p(piece)))).toEqual([2, 1, 2])
  })

  it("counts seeds, which change no order", () => {
    const picker = Pictures.picker({ blocks: `${done} .. ..`, availability: "111121" })
    Picker.addSeed(picker)
    Picker.addSeed(picker)
    expect([4, 5].map((piece) => Picker.availability(picker, p(piece)))).toEqual([4, 3])
    expect(Pictures.draw(picker, pickFrom(picker, { count: 1 }))).toBe("## ## ## ## .. 1.")
    Picker.removeSeed(picker)
    expect(Picker.availability(picker, p(5))).toBe(2)
  })

  it("gives a seed what only seeds have before anything else", () => {
    expect(picture({ blocks: `${done} .. .. ..`, availability: "1111201", count: 3 })).toBe(
      "## ## ## ## .. 12 3.",
    )
  })

  it("still serves a peer that nobody counted", () => {
    expect(picture({ blocks: `${done} .. ..`, availability: "000000", has: "     *", count: 1 })).toBe(
      "## ## ## ## .. 1.",
    )
  })

  it("finds all that a peer has among many pieces, be it little or much", () => {
    for (const verifiedCount of [0, 4]) {
      for (const share of [0, 1, 31, 32, 33, 34, 200, 396]) {
        const rng = Rng.make(share + verifiedCount)
        const picker = Pictures.picker({ blocks: new Array(400).fill(".").join(" ") })
        for (let piece = 0; piece < verifiedCount; piece++) Picker.verified(picker, p(piece))
        for (let i = 0; i < 2000; i++) Picker.addHave(picker, p(Rng.below(rng, 400)))
        // Its pieces are the commonest, so that it has nothing where the search begins.
        const free = [...Bitfield.pieces(picker.missing)]
        free.sort((a, b) => Picker.availability(picker, b) - Picker.availability(picker, a))
        const has = Bitfield.make(400)
        for (const piece of free.slice(0, share)) Bitfield.set(has, piece)
        Picker.addPeer(picker, has)
        const context = {
          peer: 0,
          has,
          count: 1000,
          isExclusive: false,
          mayTakeOver: false,
          mayDuplicate: false,
        }
        const picked = Picker.pick(picker, context, rng) as Array<number> as Array<Geometry.PieceIndex>
        expect(picked.slice().sort((a, b) => a - b)).toEqual([...Bitfield.pieces(has)])
        const rarity = picked.map((piece) => Picker.availability(picker, piece))
        if (verifiedCount === 4) expect(rarity).toEqual(rarity.slice().sort((a, b) => a - b))
      }
    }
  })

  it("begins a download with random pieces", () => {
    const ask = { availability: "11234567", count: 1 }
    expect(choices({ ...ask, blocks: ".. .. .. .. .. .. .. .." })).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]))
    expect(choices({ ...ask, blocks: "## .. ## .. ## .. .. .." })).toEqual(new Set([1, 3, 5, 6, 7]))
    expect(choices({ ...ask, blocks: "## .. ## .. ## .. ## .." })).toEqual(new Set([1]))
  })

  it("takes what the peer suggests before what is rare", () => {
    const ask = { blocks: `${done} .. .. ..`, availability: "4444123", count: 3 }
    expect(picture({ ...ask, suggested: [6, 0] })).toBe("## ## ## ## 3. .. 12")
    expect(picture({ ...ask, suggested: [6], has: "*****  " })).toBe("## ## ## ## 12 .. ..")
    expect(picture({ ...ask, count: 9, suggested: [6] })).toBe("## ## ## ## 34 56 12")
  })
})

describe("random", () => {
  const strategy = "random"

  /** How often each piece came first. */
  const firsts = (pieceCount: number, has: Bitfield.Bitfield, draws: number): ReadonlyMap<number, number> => {
    const picker = Pictures.picker({ strategy, blocks: new Array(pieceCount).fill(".").join(" ") })
    Picker.addPeer(picker, has)
    // Others have the first pieces, which is to make no difference.
    for (let i = 0; i < pieceCount * 4; i++) Picker.addHave(picker, p(i % (pieceCount >> 1)))
    const counts = new Map<number, number>()
    const rng = Rng.make(1)
    const context = { peer: 0, has, count: 1, isExclusive: false, mayTakeOver: false, mayDuplicate: false }
    for (let i = 0; i < draws; i++) {
      const [piece] = Picker.pick(picker, context, rng)
      counts.set(piece!, (counts.get(piece!) ?? 0) + 1)
    }
    return counts
  }

  it("starts with any piece that the peer has, each as likely as any other, however rare", () => {
    // A handful, many, and many of which the peer has so few that looking for them by chance is given up.
    for (const [pieceCount, share] of [[20, 10], [400, 10], [4_000, 10]] as const) {
      const has = Bitfield.make(pieceCount)
      for (let i = 0; i < share; i++) Bitfield.set(has, p(Math.floor(i * pieceCount / share)))
      const counts = firsts(pieceCount, has, 2_000)
      expect([...counts.keys()].sort((a, b) => a - b)).toEqual([...Bitfield.pieces(has)])
      // Expected are 200, with a standard deviation of 13.4.
      for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(5 * 13.4)
    }
  })

  it("gives each piece once, whatever it begins with, and heeds no suggestion", () => {
    const picker = Pictures.picker({ strategy, blocks: new Array(400).fill(".").join(" ") })
    const has = Bitfield.make(400)
    Bitfield.fill(has)
    Picker.addPeer(picker, has)
    const context = {
      ...{ peer: 0, has, count: 1_000, isExclusive: false, mayTakeOver: false, mayDuplicate: false },
      suggested: new Set([p(7)]),
    }
    const picked = Picker.pick(picker, context, Rng.make(3))
    expect(picked.slice().sort((a, b) => a - b)).toEqual([...Bitfield.pieces(has)])
    expect(picked[0]).not.toBe(7)
  })

  it("finishes the started piece that is nearest to its end", () => {
    expect(picture({ strategy, blocks: "A... bbb. .... cc..", count: 3 })).toBe("A... bbb1 .... cc23")
  })
})

describe("sequential", () => {
  const strategy = "sequential"

  it("picks the lowest piece that the peer has, from the first on", () => {
    expect(picture({ strategy, blocks: ".. .. .. ..", availability: "3211", count: 3 })).toBe("12 3. .. ..")
    expect(picture({ strategy, blocks: "## .. .. ..", has: "*  *", count: 3 })).toBe("## .. .. 12")
    expect(picture({ strategy, blocks: ".. .. .. ..", wanted: " ** ", count: 8 })).toBe(".. 12 34 ..")
  })

  it("finishes the lowest started piece first, and heeds no suggestion", () => {
    expect(picture({ strategy, blocks: ".... a... aaa. ....", count: 5, suggested: [3] })).toBe(
      "5... a123 aaa4 ....",
    )
  })

  it("goes back for a low piece that is free again", () => {
    const picker = Pictures.picker({ strategy, blocks: "AA A. .." })
    Picker.failed(picker, p(0))
    expect(Pictures.draw(picker, pickFrom(picker, { count: 5 }))).toBe("23 A1 45")
  })
})

describe("strict priority", () => {
  it("gives the blocks of a new piece in order before it opens another", () => {
    expect(picture({ strategy: "sequential", blocks: ".... .... ...", count: 3 })).toBe("123. .... ...")
    expect(picture({ strategy: "sequential", blocks: ".... .... ...", count: 9 })).toBe("1234 5678 9..")
  })

  it("goes on with the peer's own piece", () => {
    expect(picture({ blocks: "aaa... PPp... bB....", count: 2 })).toBe(
      "aaa... PPp12. bB....",
    )
  })

  it("helps with the piece nearest to its end, then opens a new one", () => {
    expect(picture({ blocks: "A... bbb. .... cc..", availability: "2222", count: 7 })).toBe(
      "A456 bbb1 7... cc23",
    )
  })

  it("skips started pieces that the peer lacks or nobody wants", () => {
    expect(picture({ blocks: "aa.. bb.. cc..", has: " **", wanted: "** ", count: 4 })).toBe("aa.. bb12 cc..")
  })

  it("fills the gaps that were left", () => {
    expect(picture({ blocks: "A.p.B.", count: 2 })).toBe("A1p2B.")
    expect(picture({ blocks: "A.p.B.", count: 5 })).toBe("A1p2B3")
  })

  it("never picks a piece that waits for its verdict", () => {
    expect(picture({ blocks: "AAAA pppp BBBA", count: 4, mayDuplicate: true })).toBe("AAAA pppp BBBA")
  })

  it("asks for nothing that nobody wants, and for no more than there is", () => {
    expect(picture({ blocks: ".. .. .", count: 0 })).toBe(".. .. .")
    expect(picture({ blocks: ".. .. .", wanted: "   ", count: 4 })).toBe(".. .. .")
    expect(picture({ blocks: ".. .. .", wanted: "* *", strategy: "sequential", count: 9 })).toBe("12 .. 3")
  })

  it("asks a choking peer for its allowed-fast pieces only", () => {
    const ask = { blocks: "#### pp.. .... a... ....", count: 9 }
    expect(picture({ ...ask, only: [2] })).toBe("#### pp.. 1234 a... ....")
    expect(picture({ ...ask, only: [0, 3, 4], has: "**** " })).toBe("#### pp.. .... a123 ....")
    expect(picture({ ...ask, only: [4, 2], suggested: [1, 2], count: 8 })).toBe("#### pp.. 1234 a... 5678")
    expect(picture({ ...ask, only: [] })).toBe("#### pp.. .... a... ....")
  })
})

describe("parole", () => {
  it("gives a peer on parole pieces that it alone takes part in", () => {
    expect(picture({ blocks: "aA.. pP.. apA. ....", isExclusive: true, count: 9 })).toBe(
      "aA.. pP12 apA. 3456",
    )
  })

  it("keeps its piece for it, even in end game", () => {
    const picker = Pictures.picker({ blocks: ".... ...." })
    for (const index of [0, 1]) Picker.requested(picker, block(picker, 0, index), Pictures.peer("p"), true)
    Picker.received(picker, block(picker, 0, 0), Pictures.peer("p"))
    const asked = (peer: string) =>
      Pictures.draw(picker, pickFrom(picker, { peer, count: 9, mayDuplicate: true }))
    expect(asked("a")).toBe("Pp.. 1234")
    Picker.verified(picker, p(1))
    expect(asked("a")).toBe("Pp.. ####")
    expect(asked("p")).toBe("Pp12 ####")
    Picker.received(picker, block(picker, 0, 3), Pictures.peer("b")) // a late one: the piece stays reserved
    expect(asked("b")).toBe("Pp.B ####")
  })

  it("gives its piece to others that would idle, free blocks before those that it owes", () => {
    const picker = Pictures.picker({ blocks: "...." })
    for (const index of [0, 1]) Picker.requested(picker, block(picker, 0, index), Pictures.peer("p"), true)
    Picker.received(picker, block(picker, 0, 0), Pictures.peer("p"))
    const asked = (count: number) =>
      pickFrom(picker, { peer: "a", count, mayTakeOver: true, mayDuplicate: true })
    expect(Pictures.draw(picker, asked(2))).toBe("Pp12")
    expect(Pictures.draw(picker, asked(9))).toBe("P312")
    for (const at of asked(9)) Picker.requested(picker, at, Pictures.peer("a"), false)
    // It is reserved no longer, and the peer on parole gets nothing more of what is mixed now.
    expect(pickFrom(picker, { peer: "p", count: 9, isExclusive: true })).toEqual([])
  })

  it("lets others finish the piece, last of all, once the peer owes nothing of it", () => {
    const picker = Pictures.picker({ blocks: ".... ...." })
    for (const index of [0, 1]) Picker.requested(picker, block(picker, 0, index), Pictures.peer("p"), true)
    Picker.received(picker, block(picker, 0, 0), Pictures.peer("p"))
    Picker.released(picker, block(picker, 0, 1), Pictures.peer("p"))
    const picked = pickFrom(picker, { peer: "a", count: 6 })
    expect(Pictures.draw(picker, picked)).toBe("P56. 1234")
    for (const at of picked) Picker.requested(picker, at, Pictures.peer("a"), false)
    expect(Pictures.draw(picker, pickFrom(picker, { peer: "b", count: 6 }))).toBe("Paa1 aaaa")
  })

  it("frees the piece when the peer leaves without having sent anything", () => {
    const picker = Pictures.picker({ blocks: ".. .." })
    Picker.requested(picker, block(picker, 0, 0), Pictures.peer("p"), true)
    Picker.received(picker, block(picker, 0, 1), Pictures.peer("a")) // a late one
    Picker.released(picker, block(picker, 0, 0), Pictures.peer("p"))
    expect(Pictures.draw(picker, pickFrom(picker, { peer: "b", count: 1 }))).toBe("1A ..")
  })

  it("ends with parole", () => {
    const picker = Pictures.picker({ blocks: "...." })
    Picker.requested(picker, block(picker, 0, 0), Pictures.peer("p"), true)
    Picker.requested(picker, block(picker, 0, 1), Pictures.peer("p"), false)
    expect(Pictures.draw(picker, pickFrom(picker, { peer: "b", count: 1 }))).toBe("pp1.")
  })
})

describe("end game", () => {
  it("asks for what others owe only when nothing free is left, and it may", () => {
    const blocks = "#### aaa."
    expect(picture({ blocks, count: 1, mayDuplicate: true })).toBe("#### aaa1")
    expect(picture({ blocks, count: 9, mayDuplicate: false })).toBe("#### aaa1")
    const all = picture({ blocks, count: 9, mayDuplicate: true })
    expect(all[8]).toBe("1")
    expect([...all.slice(5)].sort()).toEqual(["1", "2", "3", "4"])
  })

  it("asks nobody twice and no third peer", () => {
    const picker = Pictures.picker({ blocks: "aaPb" })
    const p1 = Pictures.peer("p")
    const first = pickFrom(picker, { count: 9, mayDuplicate: true })
    expect(first.length).toBe(3)
    for (const at of first) Picker.requested(picker, at, p1, false)
    expect(Pictures.draw(picker)).toBe("++P+")
    expect(pickFrom(picker, { count: 9, mayDuplicate: true })).toEqual([])
    expect(pickFrom(picker, { peer: "c", count: 9, mayDuplicate: true })).toEqual([])
    expect(() => Picker.requested(picker, block(picker, 0, 0), Pictures.peer("c"), false)).toThrow(
      AssertionFailure,
    )
  })

  it("starts at a random place", () => {
    const firsts = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      firsts.add(picture({ blocks: "aaa aaa", count: 1, mayDuplicate: true }, seed))
    }
    expect(firsts.size).toBe(6)
  })

  it("leaves out pieces that the peer lacks and that nobody wants", () => {
    expect(picture({ blocks: "aa aa aa", has: "** ", wanted: " **", count: 9, mayDuplicate: true })).toMatch(
      /^aa (12|21) aa$/,
    )
  })

  it("knows when every wanted block is taken", () => {
    const isEndGame = (scene: Pictures.Scene) => Picker.isEndGame(Pictures.picker(scene))
    expect(isEndGame({ blocks: "## aA BB" })).toBe(true)
    expect(isEndGame({ blocks: "## aA B." })).toBe(false)
    expect(isEndGame({ blocks: "## aA .." })).toBe(false)
    expect(isEndGame({ blocks: "## .. a.", wanted: "*  " })).toBe(true)
  })

  it("tells who else was asked, when a block comes in", () => {
    const picker = Pictures.picker({ blocks: "aa.." })
    const [a, b, c] = ["a", "b", "c"].map(Pictures.peer) as [number, number, number]
    Picker.requested(picker, block(picker, 0, 0), b, false)
    expect(Picker.received(picker, block(picker, 0, 0), b)).toEqual({ isFresh: true, others: [a] })
    expect(Picker.received(picker, block(picker, 0, 0), a)).toEqual({ isFresh: false, others: [] })
    Picker.requested(picker, block(picker, 0, 1), b, false)
    expect(Picker.received(picker, block(picker, 0, 1), c)).toEqual({ isFresh: true, others: [a, b] })
    expect(Picker.received(picker, block(picker, 0, 2), c)).toEqual({ isFresh: true, others: [] })
    expect(Pictures.draw(picker)).toBe("BCC.")
  })
})

describe("commits", () => {
  it("frees a piece with its last request", () => {
    const picker = Pictures.picker({ blocks: "pp.. .... ####" })
    Picker.released(picker, block(picker, 0, 0), Pictures.peer("p"))
    expect(Pictures.draw(picker)).toBe(".p.. .... ####")
    Picker.released(picker, block(picker, 0, 1), Pictures.peer("a")) // owes nothing
    Picker.released(picker, block(picker, 2, 1), Pictures.peer("p"))
    expect(Pictures.draw(picker)).toBe(".p.. .... ####")
    expect(pickFrom(picker, { peer: "a", count: 1 })).toEqual([block(picker, 0, 0)])
    Picker.released(picker, block(picker, 0, 1), Pictures.peer("p"))
    expect(picker.partials.list).toEqual([])
    expect(pickFrom(picker, { count: 9 }).length).toBe(8)
  })

  it("keeps the other request of a block", () => {
    const picker = Pictures.picker({ blocks: "a" })
    Picker.requested(picker, block(picker, 0, 0), Pictures.peer("b"), false)
    Picker.released(picker, block(picker, 0, 0), Pictures.peer("a"))
    expect(Pictures.draw(picker)).toBe("b")
    Picker.requested(picker, block(picker, 0, 0), Pictures.peer("a"), false)
    Picker.released(picker, block(picker, 0, 0), Pictures.peer("a"))
    expect(Pictures.draw(picker)).toBe("b")
  })

  it("follows a piece to its verdict", () => {
    const picker = Pictures.picker({ blocks: "AbA ... ..." })
    expect(Picker.isComplete(picker, p(0))).toBe(false)
    expect([0, 1, 2].map((index) => Picker.isReceived(picker, block(picker, 0, index)))).toEqual([
      true,
      false,
      true,
    ])
    expect(() => Picker.contributors(picker, p(0))).toThrow(AssertionFailure)
    Picker.received(picker, block(picker, 0, 1), Pictures.peer("c"))
    expect(Picker.isComplete(picker, p(0))).toBe(true)
    expect(Picker.contributors(picker, p(0))).toEqual([Pictures.peer("a"), Pictures.peer("c")])
    Picker.failed(picker, p(0))
    expect(Pictures.draw(picker)).toBe("... ... ...")
    expect(Picker.missingWanted(picker)).toBe(3)
    Picker.verified(picker, p(0))
    expect(Pictures.draw(picker)).toBe("### ... ...")
    expect([Picker.missingWanted(picker), Picker.isComplete(picker, p(0))]).toEqual([2, true])
    expect(Picker.isReceived(picker, block(picker, 0, 2))).toBe(true)
    expect(Picker.received(picker, block(picker, 0, 2), 0)).toEqual({ isFresh: false, others: [] })
    expect(() => Picker.requested(picker, block(picker, 0, 2), 0, false)).toThrow(AssertionFailure)
    Picker.lost(picker, p(0))
    expect([Pictures.draw(picker), Picker.missingWanted(picker)]).toEqual(["... ... ...", 3])
    expect(pickFrom(picker, { has: "*  ", count: 9 }).length).toBe(3)
  })

  it("changes its mind about what is wanted", () => {
    const picker = Pictures.picker({ blocks: "## a. .. BB ..", wanted: "* * *", strategy: "sequential" })
    const all = () => Pictures.draw(picker, pickFrom(picker, { count: 9 }))
    expect([Picker.missingWanted(picker), all()]).toEqual([2, "## a. 12 BB 34"])
    Picker.setWanted(picker, Pictures.bits("** **"))
    expect([Picker.missingWanted(picker), all()]).toEqual([3, "## a1 .. BB 23"])
    Picker.setWanted(picker, Pictures.bits("  *  "))
    expect([Picker.missingWanted(picker), all()]).toEqual([1, "## a. 12 BB .."])
    expect([0, 2].map((piece) => Picker.isWanted(picker, p(piece)))).toEqual([false, true])
    Picker.lost(picker, p(0))
    Picker.failed(picker, p(3))
    expect(all()).toBe(".. a. 12 .. ..")
    Picker.setWanted(picker, Pictures.bits("*****"))
    expect(all()).toBe("23 a1 45 67 89")
  })

  it("knows which peers are interesting", () => {
    const picker = Pictures.picker({ blocks: "# . A . .", wanted: "**** " })
    const has = (picture: string) => Picker.firstInteresting(picker, Pictures.bits(picture)) !== undefined
    expect(["     ", "*   *", " *   ", "  *  ", "*****", "** **"].map(has)).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
    ])
    for (const piece of [1, 2, 3]) Picker.verified(picker, p(piece))
    expect(has("*****")).toBe(false)
  })

  it("treats the last, short piece as it is", () => {
    const picker = Pictures.picker({ blocks: "#### ..", availability: "11" })
    expect(Pictures.draw(picker, pickFrom(picker, { count: 9 }))).toBe("#### 12")
    for (const index of [0, 1]) Picker.received(picker, block(picker, 1, index), 0)
    expect(Picker.isComplete(picker, p(1))).toBe(true)
  })

  it("doesn't share the bitfields that it was made of", () => {
    const have = Pictures.bits("*  ")
    const wanted = Bitfield.full(3)
    const picker = Picker.make(Geometry.make(16_384, [3 * 16_384]), {
      have,
      wanted,
      strategy: "rarest",
      rng: Rng.make(1),
    })
    Bitfield.fill(have)
    Bitfield.clear(wanted, 1)
    expect([Pictures.draw(picker), Picker.isWanted(picker, p(1))]).toEqual(["# . .", true])
  })
})
