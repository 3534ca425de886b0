/** While seeding: who takes fastest, gets, so that the upload is always full and copies spread soonest. */
import { bySlot, type Policy } from "./Policy.ts"

/** A peer's speed shows only once it has a slot: the optimistic slots find the fast ones. */
export const fastestUpload: Policy = {
  merit: "fastest-upload",
  rank: (eligible) =>
    eligible
      .filter((peer) => peer.uploadRateBytesPerSec > 0)
      .sort((a, b) => b.uploadRateBytesPerSec - a.uploadRateBytesPerSec || bySlot(a, b)),
}
