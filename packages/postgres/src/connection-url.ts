// What every connection is opened with, beside what the URL says. It goes into the URL, because the driver believes that more than
// anything it is given next to it: `?options=…` in a URL would have taken the role away, and left the login with all of its rights.

/**
 * The URL with these settings behind its own, so that these hold.
 * @param settings values without spaces
 */
export function withSettings(url: string, settings: Readonly<Record<string, string>>): string {
  const [place, ...query] = url.split('?');
  const parameters = new URLSearchParams(query.join('?'));
  const ours = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  parameters.set('options', [parameters.get('options') ?? '', ...ours].join(' ').trim());
  return `${place}?${parameters.toString()}`;
}
