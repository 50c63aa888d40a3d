/** The version of the package: the same as in package.json, which a test holds. */
export const version: string = '0.1.0'
