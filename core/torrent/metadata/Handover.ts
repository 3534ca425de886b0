/** What a torrent takes over from the search for its metadata: who is connected and what they said, addresses, trackers. */
import type * as Schedules from "../../tracker/Schedules.ts"
import * as Candidates from "../Candidates.ts"
import type { Command } from "../Command.ts"
import type * as Lookups from "../Lookups.ts"
import type { Contact } from "./Contact.ts"
import * as Contacts from "./Contacts.ts"
import type { Fetching } from "./State.ts"

/** Spent by the torrent that takes it over. */
export interface Handover {
  readonly contacts: ReadonlyArray<Contact>
  readonly candidates: Candidates.Candidates
  readonly schedules: Schedules.Schedules
  readonly lookups: Lookups.Lookups
}

/**
 * Ends the search; spends `fetching`. Of a private torrent only those stay whom its tracker or the user named, or who came
 * to us (BEP 27). Connections that have not been greeted are closed, and dialled again by the torrent.
 */
export const of = (
  fetching: Fetching,
  isPrivate: boolean,
  now: number,
): readonly [Handover, ReadonlyArray<Command>] => {
  const { candidates, lookups, schedules } = fetching
  const turn = { now, out: [] as Array<Command> }
  for (const contact of [...fetching.contacts.values()]) {
    const { address, isIncoming, phase } = contact
    if (phase !== "ready") Contacts.close(fetching, contact, turn, "it has not been greeted yet")
    else if (isPrivate && !isIncoming && !Candidates.isPrivateSource(candidates, address)) {
      Contacts.close(fetching, contact, turn, "the torrent is private, and its tracker did not name it")
    }
  }
  if (isPrivate) Candidates.keepPrivate(candidates)
  return [{ contacts: [...fetching.contacts.values()], candidates, schedules, lookups }, turn.out]
}
