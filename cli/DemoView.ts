/** How the demo looks: pure text from the members' figures and the links between them. */
import type { Link } from "../shell/LoopbackSwarm.ts"
import type { TorrentSnapshot } from "../shell/Session.ts"
import type { Progress } from "./Output.ts"
import * as Bar from "./Progress.ts"
import * as Text from "./Text.ts"

export interface MemberView {
  /** 0: the seeder. */
  readonly index: number
  readonly snapshot: TorrentSnapshot
}

export interface View {
  /** The seeder first. */
  readonly members: ReadonlyArray<MemberView>
  readonly links: ReadonlyArray<Link>
}

const BAR = 20

export const nameOf = (index: number): string => index === 0 ? "seeder" : `peer ${index}`

const shareOf = ({ snapshot }: MemberView): number => Bar.share(snapshot.haveBytes, snapshot.wantedBytes)

/** Members that are given something by this one, and those that want something and are choked by it. */
export const givesTo = ({ links }: View, index: number): ReadonlyArray<number> =>
  indexes(links.filter(({ from, isChoked, isWanted }) => from === index && isWanted && !isChoked))

export const chokes = ({ links }: View, index: number): ReadonlyArray<number> =>
  indexes(links.filter(({ from, isChoked, isWanted }) => from === index && isWanted && isChoked))

const indexes = (links: ReadonlyArray<Link>): ReadonlyArray<number> =>
  links.map(({ to }) => to).sort((a, b) => a - b)

const list = (prefix: string, members: ReadonlyArray<number>): string =>
  members.length === 0 ? "" : `  ${prefix} ${members.join(" ")}`

/** Rates, and who is given and who is choked, by number. */
const facts = (view: View, { index, snapshot }: MemberView): string => {
  const down = index === 0 ? "" : `down ${Text.rate(snapshot.downloadRateBytesPerSec)}, `
  return `${down}up ${Text.rate(snapshot.uploadRateBytesPerSec)}` +
    list("gives to", givesTo(view, index)) + list("chokes", chokes(view, index))
}

/** A bar for each member; piped, a line for each. */
export const draw = (view: View): Progress => ({
  block: (columns, isColoured) => {
    const paint = Text.painter(isColoured)
    return view.members.map((member) => {
      const share = shareOf(member)
      const name = nameOf(member.index).padEnd(8)
      const label = Bar.percent(share).padStart(6)
      const barColumns = Math.max(0, Math.min(BAR, columns - 60))
      const used = name.length + barColumns + 1 + label.length
      return name + paint(share === 1 ? "green" : "cyan", Bar.bar(share, barColumns)) + ` ${label}` +
        paint("dim", Text.fit(`  ${facts(view, member)}`, columns - used))
    })
  },
  lines: () =>
    view.members.map((member) =>
      `${Bar.percent(shareOf(member))} ${nameOf(member.index)}: ${facts(view, member)}`
    ),
})

/** Bytes down and up of each member and how often it has passed on what it got: a line each under a line of heads. */
export const table = (view: View): ReadonlyArray<string> => {
  const rows = view.members.map(({ index, snapshot }) => [
    nameOf(index),
    Text.bytes(snapshot.downloadedBytes),
    Text.bytes(snapshot.uploadedBytes),
    Bar.ratio(snapshot.ratio),
  ])
  const all = [["", "down", "up", "ratio"], ...rows]
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return all.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)).join(
      "  ",
    )
  )
}
