/** While downloading: who gives most, gets (Cohen, "Incentives build robustness in BitTorrent", 2003; BEP 3). */
import { bySlot, type Policy } from "./Policy.ts"

/** Who gives nothing has only optimistic slots, so a free rider never displaces a giver. */
export const titForTat: Policy = {
  merit: "best-uploader",
  rank: (eligible) =>
    eligible
      .filter((peer) => peer.downloadRateBytesPerSec > 0)
      .sort((a, b) => b.downloadRateBytesPerSec - a.downloadRateBytesPerSec || bySlot(a, b)),
}
