/**
 * Pickers drawn as text. A word is a piece and a character a block, so `"#### AAb. ...."` is three pieces:
 *
 *      #  verified             a..z  requested from that peer      1..9  picked, in this order (only drawn, never read)
 *      .  free                 A..Z  received from that peer       +     requested from two peers (only drawn)
 */
import * as Rng from "../../core/base/Rng.ts"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import * as Partials from "../../core/torrent/Partials.ts"
import * as Picker from "../../core/torrent/Picker.ts"

export interface Scene {
  /** Pieces and blocks as above; the last word may be shorter. */
  readonly blocks: string
  /** A digit a piece: how many peers have it, seeds not counted. Default: nobody has anything. */
  readonly availability?: string
  /** A character a piece, blank where it is not wanted. Default: all are. */
  readonly wanted?: string
  readonly strategy?: Picker.Strategy
  readonly seed?: number
}

/** One bit a character: set unless it is a blank. */
export const bits = (picture: string): Bitfield.Bitfield => {
  const field = Bitfield.make(picture.length)
  for (let i = 0; i < picture.length; i++) if (picture[i] !== " ") Bitfield.set(field, i)
  return field
}

/** `"* *"` of a bitfield. */
export const drawBits = (field: Bitfield.Bitfield): string => {
  let picture = ""
  for (let i = 0; i < field.length; i++) picture += Bitfield.get(field, i) ? "*" : " "
  return picture
}

/** The key of the peer of this letter, small or capital. */
export const peer = (letter: string): Picker.PeerKey => letter.toLowerCase().charCodeAt(0) - 97

/** The geometry of a picture of blocks. */
export const geometry = (blocks: string): Geometry.Geometry => {
  const words = blocks.split(" ")
  const pieceBytes = words[0]!.length * Geometry.BLOCK_BYTES
  const last = words[words.length - 1]!.length * Geometry.BLOCK_BYTES
  return Geometry.make(pieceBytes, [pieceBytes * (words.length - 1) + last])
}

/** A picker in the state of the picture. */
export const picker = (scene: Scene): Picker.Picker => {
  const shape = geometry(scene.blocks)
  const words = scene.blocks.split(" ")
  const made = Picker.make(shape, {
    have: bits(words.map((word) => word.startsWith("#") ? "*" : " ").join("")),
    wanted: scene.wanted === undefined ? Bitfield.full(shape.pieceCount) : bits(scene.wanted),
    strategy: scene.strategy ?? "rarest",
    rng: Rng.make(scene.seed ?? 1),
  })
  for (const field of holders(scene.availability ?? "")) Picker.addPeer(made, field)
  for (const piece of Geometry.pieces(shape)) {
    for (const [index, letter] of [...words[piece]!].entries()) {
      const block = (piece * shape.blocksPerPiece + index) as Geometry.BlockIndex
      if (/[a-z]/.test(letter)) Picker.requested(made, block, peer(letter), false)
      if (/[A-Z]/.test(letter)) Picker.received(made, block, peer(letter))
    }
  }
  return made
}

/** Peers that together give this availability: the first has all pieces of 1 and more, the next of 2 and more, … */
export const holders = (availability: string): Array<Bitfield.Bitfield> => {
  const most = Math.max(0, ...[...availability].map(Number))
  return Array.from(
    { length: most },
    (_, i) => bits([...availability].map((digit) => Number(digit) > i ? "*" : " ").join("")),
  )
}

/** The picture of a picker, with `picked` blocks drawn as their places in that list. */
export const draw = (made: Picker.Picker, picked: ReadonlyArray<Geometry.BlockIndex> = []): string => {
  const { geometry: shape } = made
  const words: Array<string> = []
  for (const piece of Geometry.pieces(shape)) {
    let word = ""
    for (let index = 0; index < Geometry.blockCount(shape, piece); index++) {
      const place = picked.indexOf((piece * shape.blocksPerPiece + index) as Geometry.BlockIndex)
      word += place >= 0 ? `${place + 1}` : drawBlock(made, piece, index)
    }
    words.push(word)
  }
  return words.join(" ")
}

const drawBlock = (made: Picker.Picker, piece: Geometry.PieceIndex, index: number): string => {
  if (Bitfield.get(made.have, piece)) return "#"
  const partial = Partials.get(made.partials, piece)
  if (partial === undefined || Partials.isFree(partial, index)) return "."
  const [first, second] = partial.asked.slice(index * Partials.MAX_REQUESTERS)
  const letter = String.fromCharCode(97 + first!)
  if (Partials.isReceived(partial, index)) return letter.toUpperCase()
  return second! < 0 ? letter : "+"
}
