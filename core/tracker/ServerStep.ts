/** The tracker in the shape that all machines have: input in, commands out. */
import type { Bytes } from "../base/Bytes.ts"
import type { Result } from "../base/Result.ts"
import type { Millis } from "../base/Time.ts"
import type { ScrapeEntry } from "./Scrape.ts"
import * as Server from "./Server.ts"
import { EXPIRE_BUDGET } from "./ServerLimits.ts"

/** What the machine is told; `id` is the caller's own name for who asks. */
export type Input =
  | {
    readonly _tag: "Announce"
    readonly now: Millis
    readonly id: number
    readonly query: Server.AnnounceQuery
    readonly withPeerIds: boolean
  }
  | {
    readonly _tag: "Scrape"
    readonly now: Millis
    readonly id: number
    readonly infoHashes: ReadonlyArray<Bytes>
  }
  | { readonly _tag: "Tick"; readonly now: Millis }

/** What is to be answered; the bytes of an announce's peers last until the next step. */
export type Command =
  | { readonly _tag: "Announced"; readonly id: number; readonly result: Result<Server.AnnounceReply, string> }
  | { readonly _tag: "Scraped"; readonly id: number; readonly entries: ReadonlyArray<ScrapeEntry> }

/** The functions of `Server.ts` in the shape that all machines have, for a simulation or a journal. */
export const step = (
  server: Server.Server,
  input: Input,
): readonly [Server.Server, ReadonlyArray<Command>] => {
  switch (input._tag) {
    case "Announce": {
      const { id, now, query, withPeerIds } = input
      return [server, [{ _tag: "Announced", id, result: Server.announce(server, now, query, withPeerIds) }]]
    }
    case "Scrape":
      return [server, [{ _tag: "Scraped", id: input.id, entries: Server.scrape(server, input.infoHashes) }]]
    case "Tick":
      Server.expire(server, input.now, EXPIRE_BUDGET)
      return [server, []]
  }
}
