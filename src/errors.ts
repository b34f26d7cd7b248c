import { createError } from '@fastify/error'

// Every error the plugin makes, with the code and status a user may rely on. The README lists the same codes.

export const InvalidOptionError = createError('FST_RT_INVALID_OPTION', 'realtime option %s: %s', 500, TypeError)
export const AlreadyRegisteredError = createError('FST_RT_ALREADY_REGISTERED', 'fastify-realtime is registered already: a server has one', 500)
export const OptionNotApplicableError = createError('FST_RT_OPTION_NOT_APPLICABLE', 'realtime option %s cannot be honoured, because %s', 500)
export const UnauthorizedError = createError('FST_RT_UNAUTHORIZED', 'A valid token is required', 401)
export const ForbiddenError = createError('FST_RT_FORBIDDEN', 'The permission "%s" is required', 403)
export const BadHandshakeError = createError('FST_RT_BAD_HANDSHAKE', 'A WebSocket handshake is an HTTP/1.1 request with a Host header', 400)
export const UpgradeRequiredError = createError('FST_RT_UPGRADE_REQUIRED', 'This is a WebSocket endpoint: connect with an upgrade request', 426)
export const InvalidChannelError = createError('FST_RT_INVALID_CHANNEL', 'A channel name has 1 to 255 characters, none of them a control character', 400, TypeError)
export const OriginNotAllowedError = createError('FST_RT_ORIGIN_NOT_ALLOWED', 'This origin may not connect', 403)
export const TooManyConnectionsError = createError('FST_RT_TOO_MANY_CONNECTIONS', 'The server has as many connections as it takes', 503)
export const TooManyFromAddressError = createError('FST_RT_TOO_MANY_FROM_ADDRESS', 'This address has as many connections as it may', 429)
export const TooManyOfPrincipalError = createError('FST_RT_TOO_MANY_OF_PRINCIPAL', 'This principal has as many connections as it may', 429)
export const HandshakeTimeoutError = createError('FST_RT_HANDSHAKE_TIMEOUT', 'The handshake took too long', 503)
export const UnsupportedProtocolError = createError('FST_RT_UNSUPPORTED_PROTOCOL', 'The subprotocol %s is not spoken here: offer centrifuge-json, or none', 400)
export const DuplicateMethodError = createError('FST_RT_DUPLICATE_METHOD', 'The rpc method %s is there already', 500)
export const ClosingError = createError('FST_RT_CLOSING', 'The server is shutting down', 503)
export const NoPrincipalError = createError('FST_RT_NO_PRINCIPAL', 'accept() needs request.principal: give the route app.realtime.requires(permission) as preHandler', 500)
export const InvalidCloseCodeError = createError('FST_RT_INVALID_CLOSE_CODE', 'Close code %s cannot be sent: use 1000 to 1014 without 1004, 1005 and 1006, or 3000 to 4999', 500, RangeError)
export const InvalidDataError = createError('FST_RT_INVALID_DATA', 'A message must be %s', 500, TypeError)
export const InvalidPrincipalError = createError('FST_RT_INVALID_PRINCIPAL', 'authenticate() returned something that is neither null nor a principal { id, permissions }: %s', 500, TypeError)

/** Code of the error frame that answers a message its route's schema refuses. The connection lives on. */
export const INVALID_MESSAGE = 'INVALID_MESSAGE'
