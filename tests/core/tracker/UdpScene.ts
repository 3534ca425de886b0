/** Stories about UDP trackers in virtual time, short enough to read. */
import * as Address from "../../../core/base/Address.ts"
import * as Bytes from "../../../core/base/Bytes.ts"
import { SECOND } from "../../../core/base/Time.ts"
import type { AnnounceRequest } from "../../../core/tracker/Announce.ts"
import * as Udp from "../../../core/tracker/Udp.ts"
import * as UdpClient from "../../../core/tracker/UdpClient.ts"

export const request: AnnounceRequest = {
  infoHash: new Uint8Array(20).fill(0xab),
  peerId: Bytes.latin1("-SH0100-0123456789ab"),
  port: 6_881,
  uploadedBytes: 0,
  downloadedBytes: 0,
  leftBytes: 1,
  event: "started",
  numWant: 50,
  key: 7,
}

export const ANNOUNCE: UdpClient.Question = { _tag: "Announce", request, urlData: Bytes.latin1("/x") }

export const scrape = (count: number): UdpClient.Question => ({
  _tag: "Scrape",
  infoHashes: Array.from({ length: count }, (_, i) => new Uint8Array(20).fill(i)),
})

export const connectionId = (n: number): Bytes.Bytes => Uint8Array.of(0, 0, 0, 0, 0, 0, n >> 8, n)

type Inputs = UdpClient.Input extends infer I ? I extends { readonly now: number } ? Omit<I, "now"> : never
  : never

/** Asks go by numbers, which are their transaction ids too; trackers by letters. Commands are read as words. */
export class UdpScene {
  now = 1_000
  client = UdpClient.make()

  address = (tracker: string): Address.Address => ({ host: `192.0.2.${tracker.charCodeAt(0)}`, port: 80 })

  input(input: Inputs): ReadonlyArray<string> {
    const [client, commands] = UdpClient.step(this.client, { ...input, now: this.now } as UdpClient.Input)
    this.client = client
    return commands.map((command) => this.word(command))
  }

  ask = (
    ask: number,
    { tracker = "a", question = ANNOUNCE, limitMs = UdpClient.patienceMs(2) }: {
      readonly tracker?: string
      readonly question?: UdpClient.Question
      readonly limitMs?: number
    } = {},
  ) => this.input({ _tag: "Ask", ask, to: this.address(tracker), question, transactionId: ask, limitMs })

  cancel = (ask: number) => this.input({ _tag: "Cancel", ask })

  receive = (packet: Bytes.Bytes, tracker = "a") =>
    this.input({ _tag: "Received", from: this.address(tracker), packet })

  connected = (transactionId: number, connection: number, tracker = "a") =>
    this.receive(Udp.encodeConnected(transactionId, connectionId(connection)), tracker)

  announced = (transactionId: number, tracker = "a", peers = Bytes.empty) =>
    this.receive(
      Udp.encodeAnnounced(transactionId, { intervalSeconds: 1_800, seeders: 5, leechers: 3, peers }),
      tracker,
    )

  refused = (transactionId: number, message: string, tracker = "a") =>
    this.receive(Udp.encodeRefused(transactionId, message), tracker)

  /** Lets time pass: every tick that is due on the way, each with its second. */
  pass(seconds: number): ReadonlyArray<string> {
    const end = this.now + seconds * SECOND
    const start = this.now
    const words: Array<string> = []
    for (let at = UdpClient.nextWake(this.client); at <= end; at = UdpClient.nextWake(this.client)) {
      this.now = at
      for (const word of this.input({ _tag: "Tick" })) words.push(`${(at - start) / SECOND} s: ${word}`)
    }
    this.now = end
    return words
  }

  private word(command: UdpClient.Command): string {
    if (command._tag === "Send") {
      const decoded = Udp.decodeRequest(command.packet)
      if (!decoded.ok) return `malformed ${decoded.error}`
      const { value } = decoded
      const tracker = String.fromCharCode(Number(command.to.host.split(".")[3]))
      const connection = value._tag === "Connect" ? "" : ` on ${value.connectionId[7]}`
      return `${tracker} ${value._tag.toLowerCase()} ${value.transactionId}${connection}`
    }
    const { ask, result } = command
    if (!result.ok) return `${ask}: ${result.error.reason}: ${result.error.message}`
    return result.value._tag === "Announced"
      ? `${ask}: announced ${result.value.response.peers.map(Address.format).join(" ")}`.trim()
      : `${ask}: scraped ${result.value.entries.map((e) => `${e.seeders}/${e.leechers}/${e.downloads}`)}`
  }
}
