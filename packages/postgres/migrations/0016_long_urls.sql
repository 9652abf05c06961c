-- A URL may be longer than an index takes (2,704 bytes). The key of the URLs that attempts went to held it whole, so an attempt to a longer
-- one was refused for a note beside it, and stood with its bytes alone: counted nowhere, its delivery open for ever. A hash of the URL tells
-- two of them apart as well; where it does not, one of the two is not found by a part of it.
ALTER TABLE endpoint_url DROP CONSTRAINT endpoint_url_pkey;
CREATE UNIQUE INDEX endpoint_url_once ON endpoint_url (environment, project, endpoint, hashtextextended(url, 0));
