/** C's `%.{precision}g`. */
function significant(value: number, precision: number): string {
  const [mantissa, power] = value.toExponential(precision - 1).split('e') as [string, string]
  const exponent = Number(power)
  if (exponent < -4 || exponent >= precision) {
    const digits = String(Math.abs(exponent)).padStart(2, '0')
    return `${withoutTrailingZeros(mantissa)}e${exponent < 0 ? '-' : '+'}${digits}`
  }
  return withoutTrailingZeros(value.toFixed(precision - 1 - exponent))
}

function withoutTrailingZeros(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits
}

/** A number as mosquitto's JSON shows it: 15 significant digits where they suffice, else 17. */
export function jsonNumber(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const short = significant(value, 15)
  const difference = Math.abs(Number(short) - value)
  return difference <= Math.abs(value) * Number.EPSILON ? short : significant(value, 17)
}

/** Above this Number.toFixed gives up and shows an exponent. */
const TO_FIXED_MAX = 1e21
const TO_FIXED_DIGITS_MAX = 100

/** C's `%.{precision}f`. */
export function fixedPoint(value: number, precision: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  const shown = Math.min(precision, TO_FIXED_DIGITS_MAX)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const size = Math.abs(value)
  const digits = size < TO_FIXED_MAX ? size.toFixed(shown) : wholeDigits(size, shown)
  return sign + digits + '0'.repeat(precision - shown)
}

/** From 2^53 on a double is a whole number. */
function wholeDigits(value: number, precision: number): string {
  return BigInt(value) + (precision > 0 ? `.${'0'.repeat(precision)}` : '')
}
