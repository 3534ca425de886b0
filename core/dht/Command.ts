/**
 * What a node may ask for: all of it.
 *
 * | command  | what the shell does                                              | completed by | may be dropped |
 * | -------- | ---------------------------------------------------------------- | ------------ | -------------- |
 * | `Send`   | sends a datagram from the socket of the address's family         | nothing      | yes: it is UDP |
 * | `Verify` | Ed25519 over `message`, `false` for keys that are none (BEP 44)  | `Verified`   | no             |
 * | `Emit`   | tells whoever listens                                            | nothing      | yes            |
 */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Event } from "./Event.ts"
import type { VerificationId } from "./Input.ts"

export type Command =
  | { readonly _tag: "Send"; readonly to: Address; readonly bytes: Bytes }
  | {
    readonly _tag: "Verify"
    readonly verification: VerificationId
    /** 32 bytes. */
    readonly publicKey: Bytes
    /** 64 bytes. */
    readonly signature: Bytes
    readonly message: Bytes
  }
  | { readonly _tag: "Emit"; readonly event: Event }
