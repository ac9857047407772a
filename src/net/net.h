#pragma once

// HTTP/1.1 over TCP: a server, a router, a blocking client, and a client that makes load.

#include "net/client.h"
#include "net/load_client.h"
#include "net/request.h"
#include "net/response.h"
#include "net/router.h"
#include "net/server.h"
