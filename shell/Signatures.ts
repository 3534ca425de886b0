/** Ed25519 (RFC 8032), by which authors sign the items that they may replace in the DHT (BEP 44). */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Bytes } from "../core/base/Bytes.ts"

/** What makes a key pair, and must be kept secret; 32 bytes. */
export const SEED_BYTES = 32

export class Signatures extends Context.Tag("shoal/Signatures")<Signatures, {
  /** False for any signature or key that is none, whatever its length. */
  readonly verify: (publicKey: Bytes, signature: Bytes, message: Bytes) => Effect.Effect<boolean>
  /** A new seed, from the system's own randomness. */
  readonly generate: Effect.Effect<Bytes>
  /** The public key of a seed of {@link SEED_BYTES}; 32 bytes. */
  readonly publicKey: (seed: Bytes) => Effect.Effect<Bytes>
  /** 64 bytes. */
  readonly sign: (seed: Bytes, message: Bytes) => Effect.Effect<Bytes>
}>() {}
