/** A moment of local time, with the nanoseconds that a Date has no room for. */
export interface Moment {
  readonly date: Date
  /** 0..999,999,999 within the second. */
  readonly nanoseconds: number
}

/** Milliseconds to add to Node's own clock, which is finer than the wall clock but does not follow its steps. */
let skew = 0

export function now(): Moment {
  const wall = Date.now()
  const fine = performance.timeOrigin + performance.now()
  if (fine + skew < wall || fine + skew >= wall + 1) skew = wall - fine
  const microseconds = Math.max(0, Math.min(999, Math.floor((fine + skew - wall) * 1000)))
  return { date: new Date(wall), nanoseconds: (wall % 1000) * 1_000_000 + microseconds * 1000 }
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const DAY_MS = 86_400_000

const two = (value: number): string => String(value).padStart(2, '0')
const blankTwo = (value: number): string => String(value).padStart(2)
const hour12 = (date: Date): number => date.getHours() % 12 || 12
const half = (date: Date): string => (date.getHours() < 12 ? 'AM' : 'PM')

/** 0 for 1 January. */
function dayOfYear(date: Date): number {
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate())
  return (day - Date.UTC(date.getFullYear(), 0, 1)) / DAY_MS
}

/** Weeks begun since the first `firstDay` (0 is Sunday) of the year. */
function weekOfYear(date: Date, firstDay: number): number {
  const weekday = (date.getDay() - firstDay + 7) % 7
  return Math.floor((dayOfYear(date) + 7 - weekday) / 7)
}

/** ISO 8601: a week belongs to the year of its Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 4 - (date.getDay() || 7))
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 }
}

function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset()
  const size = Math.abs(minutes)
  return (minutes < 0 ? '-' : '+') + two(Math.floor(size / 60)) + two(size % 60)
}

/** Node knows a zone's abbreviation (CET, IST) only in the English of a country that uses it. */
const ZONE_LOCALES = ['en-US', 'en-GB', 'en-CA', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA']

function zone(date: Date): string {
  for (const locale of ZONE_LOCALES) {
    const parts = new Intl.DateTimeFormat(locale, { timeZoneName: 'short' }).formatToParts(date)
    const name = parts.find((part) => part.type === 'timeZoneName')?.value
    if (name !== undefined && /^[A-Z]+$/.test(name)) return name
  }
  return offset(date).replace(/00$/, '')
}

const seconds = (date: Date): string => String(Math.floor(date.getTime() / 1000))
const isoDate = (d: Date): string => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
const usDate = (d: Date): string => `${two(d.getMonth() + 1)}/${two(d.getDate())}/${two(d.getFullYear() % 100)}`
const clock = (d: Date): string => `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
const dayName = (d: Date): string => DAYS[d.getDay()]!.slice(0, 3)
const monthName = (d: Date): string => MONTHS[d.getMonth()]!.slice(0, 3)

/** strftime(3) in the C locale, as glibc has it. */
const CONVERSIONS: Readonly<Record<string, (date: Date) => string>> = {
  a: dayName,
  A: (d) => DAYS[d.getDay()]!,
  b: monthName,
  B: (d) => MONTHS[d.getMonth()]!,
  c: (d) => `${dayName(d)} ${monthName(d)} ${blankTwo(d.getDate())} ${clock(d)} ${d.getFullYear()}`,
  C: (d) => two(Math.floor(d.getFullYear() / 100)),
  d: (d) => two(d.getDate()),
  D: usDate,
  e: (d) => blankTwo(d.getDate()),
  F: isoDate,
  g: (d) => two(isoWeek(d).year % 100),
  G: (d) => String(isoWeek(d).year),
  h: monthName,
  H: (d) => two(d.getHours()),
  I: (d) => two(hour12(d)),
  j: (d) => String(dayOfYear(d) + 1).padStart(3, '0'),
  k: (d) => blankTwo(d.getHours()),
  l: (d) => blankTwo(hour12(d)),
  m: (d) => two(d.getMonth() + 1),
  M: (d) => two(d.getMinutes()),
  n: () => '\n',
  p: half,
  P: (d) => half(d).toLowerCase(),
  r: (d) => `${two(hour12(d))}:${two(d.getMinutes())}:${two(d.getSeconds())} ${half(d)}`,
  R: (d) => `${two(d.getHours())}:${two(d.getMinutes())}`,
  s: seconds,
  S: (d) => two(d.getSeconds()),
  t: () => '\t',
  T: clock,
  u: (d) => String(d.getDay() || 7),
  U: (d) => two(weekOfYear(d, 0)),
  V: (d) => two(isoWeek(d).week),
  w: (d) => String(d.getDay()),
  W: (d) => two(weekOfYear(d, 1)),
  x: usDate,
  X: clock,
  y: (d) => two(d.getFullYear() % 100),
  Y: (d) => String(d.getFullYear()),
  z: offset,
  Z: zone,
}

/** One conversion character; `N` is the nanoseconds, and one that does not exist stays with a percent sign before it. */
export function strftime(conversion: string, moment: Moment): string {
  if (conversion === 'N') return nanoseconds(moment)
  if (conversion === '%') return '%'
  return CONVERSIONS[conversion]?.(moment.date) ?? `%${conversion}`
}

function nanoseconds(moment: Moment): string {
  return String(moment.nanoseconds).padStart(9, '0')
}

/** 2016-08-10T09:47:38+0100 */
export function isoTime(moment: Moment): string {
  return `${isoDate(moment.date)}T${clock(moment.date)}${offset(moment.date)}`
}

/** 2020-05-06T22:12:00.000000+0100 */
export function isoTimeMicroseconds(moment: Moment): string {
  return `${isoDate(moment.date)}T${clock(moment.date)}.${nanoseconds(moment).slice(0, 6)}${offset(moment.date)}`
}

/** 1470818943.786368637 */
export function unixTime(moment: Moment): string {
  return `${seconds(moment.date)}.${nanoseconds(moment)}`
}
