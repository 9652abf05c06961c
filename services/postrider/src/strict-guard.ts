// For tests: the guard of a deployment without any escape hatch, which allows public host names on port 443.

import { createEgressGuard } from '@postrider/http';

export const strictGuard = createEgressGuard({
  allowHosts: new Map(),
  allowPorts: [],
  allowCidrs: [],
  ownAddresses: [],
  notices: [],
});
