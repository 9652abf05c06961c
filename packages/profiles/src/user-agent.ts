// How Postrider names itself to receivers, unless a profile or an endpoint says otherwise.

/** Rises with the release; kept equal to package.json by a test. */
const version = '0.1.0';

export const userAgent = `Postrider/${version}`;
