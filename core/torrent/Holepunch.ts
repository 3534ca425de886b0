/**
 * Hole punching (BEP 55): two peers that nobody can dial meet through a third one that both are connected to.
 *
 *      A ──rendezvous with B──▶ relay ──connect to A──▶ B
 *      A ◀──connect to B─────── relay                        and both dial at once
 *
 * We are the relay, and we dial when we are told to. The holes themselves are those of UDP: over TCP a dial gets through
 * only where one of the two can be reached after all, so we ask nobody for a rendezvous; uTP is what completes this.
 */
import * as Address from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as ExtendedHolepunch from "../wire/ExtendedHolepunch.ts"
import * as Budget from "./Budget.ts"
import * as Candidates from "./Candidates.ts"
import { isDialable } from "./Dialable.ts"
import * as ExternalAddress from "./ExternalAddress.ts"
import * as Peer from "./Peer.ts"
import * as Pex from "./Pex.ts"
import type * as State from "./State.ts"
import * as Turn from "./Turn.ts"

/** What a peer may ask for, and whom it may have us dial, in a minute: beyond that it is not heard. */
export const MAX_PER_MINUTE = 10

/** Strangers may name peers of this torrent: never of a private one (BEP 27). */
export const isOffered = (torrent: State.Torrent): boolean => !torrent.metainfo.isPrivate

/** `ut_holepunch` has come; what we cannot use is passed over. */
export const take = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  payload: Bytes,
  turn: State.Turn,
): undefined => {
  // Whoever doesn't take such messages must not be answered (BEP 55).
  if (!isOffered(torrent) || peer.extensions.ut_holepunch === 0) return
  peer.budget ??= Budget.make(turn.now)
  if (Budget.spend(peer.budget, "holepunch", turn.now) > MAX_PER_MINUTE) return
  const message = ExtendedHolepunch.decode(payload)
  if (message?._tag === "Rendezvous") relay(torrent, peer, message.address, turn)
  else if (message?._tag === "Connect") connect(torrent, peer, message.address)
}

/** Brings a peer together with the one at that address, or says why not. */
const relay = (torrent: State.Torrent, peer: Peer.Peer, address: Address.Address, turn: State.Turn): void => {
  const other = find(torrent, address)
  const reason = whyNot(torrent, peer, address, other)
  if (reason !== undefined) return tell(peer, { _tag: "Error", address, reason }, turn)
  tell(peer, { _tag: "Connect", address }, turn)
  tell(other!, { _tag: "Connect", address: peer.listening ?? peer.address }, turn)
}

const whyNot = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  address: Address.Address,
  other: Peer.Peer | undefined,
): ExtendedHolepunch.Reason | undefined => {
  if (!isDialable(address) || other === peer) return "NoSuchPeer"
  if (isOurs(torrent.local, address)) return "NoSelf"
  if (other === undefined) return "NotConnected"
  return other.extensions.ut_holepunch === 0 ? "NoSupport" : undefined
}

const isOurs = ({ external }: State.Local, address: Address.Address): boolean => {
  const { port } = external.self
  return address.port === port && ExternalAddress.isOurs(external, address.host)
}

/** The connected peer that others know by this address, or that we do. */
const find = (torrent: State.Torrent, address: Address.Address): Peer.Peer | undefined => {
  for (const peer of Peer.ready(torrent.peers)) {
    if (Address.equals(peer.listening ?? peer.address, address) || Address.equals(peer.address, address)) {
      return peer
    }
  }
  return undefined
}

/** Only an IP address can be told; whom we dialled by name is not to be found by others. */
const tell = (peer: Peer.Peer, message: ExtendedHolepunch.Message, turn: State.Turn): void => {
  Encoder.extended(peer.encoder, peer.extensions.ut_holepunch, ExtendedHolepunch.encode(message))
  Turn.touch(turn, peer)
}

/** Somebody at that address is about to dial us: if it is worth a place, it is the next one that we dial. */
const connect = (torrent: State.Torrent, peer: Peer.Peer, address: Address.Address): void => {
  const hasPlace = torrent.phase === "running" && torrent.peers.size < torrent.maxPeers
  if (!hasPlace || !Pex.isCommon(address, peer.address)) return
  if (!Candidates.add(torrent.candidates, address, "pex", torrent.rng)) return
  Candidates.hurry(torrent.candidates, address)
}
