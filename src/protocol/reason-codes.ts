export const ReasonCode = {
  Success: 0x00,
} as const
export type ReasonCode = (typeof ReasonCode)[keyof typeof ReasonCode]
