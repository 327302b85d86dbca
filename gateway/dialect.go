package gateway

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
)

// dialect is how errors look at a door.
type dialect int

const (
	inGeneral  dialect = iota // {"errors":[{"status":401,"message":"…"}]}, as Artifactory has it
	inProblems                // RFC 9457 problem details with code and request_id
	inLFS                     // {"message":"…","request_id":"…"} and LFS-Authenticate
	inRegistry                // {"errors":[{"code":"UNAUTHORIZED","message":"…"}]}, Bearer challenge
	inTokens                  // the same with a Basic challenge, where the tokens are handed out
	inAccess                  // {"errors":[{"code":"NOT_FOUND","detail":"…","message":"…"}]}, as JFrog Access has it
	inOAuth                   // {"error":"invalid_request","error_description":"…"}, RFC 6749 §5.2
	inPages                   // a page for who reads pages, and as inGeneral for programs
)

// dialectOf is how errors look where no row says it.
func dialectOf(path string) dialect {
	switch {
	case strings.HasPrefix(path, "/-/"):
		return inProblems
	case strings.HasPrefix(path, "/v2/") || path == "/v2":
		return inRegistry
	case strings.HasPrefix(path, lfsPath):
		return inLFS
	case strings.HasPrefix(path, "/access/"):
		return inAccess
	}
	return inGeneral
}

// isLFS reports a request of Git LFS by its media type.
func isLFS(h http.Header) bool {
	const media = "application/vnd.git-lfs"
	return strings.HasPrefix(h.Get("Accept"), media) || strings.HasPrefix(h.Get("Content-Type"), media)
}

// challenge asks for a credential. On /v2/ it is Bearer alone: docker that sees
// both signs in with one and pushes with the other.
func (x *exchange) challenge(h http.Header) {
	if x.dialect == inRegistry {
		x.registryChallenge(h)
		return
	}
	h.Set("WWW-Authenticate", basicChallenge)
	if x.dialect == inLFS {
		h.Set("LFS-Authenticate", basicChallenge)
	}
}

// body is the refusal in the words of its dialect; it sets the media type.
func (x *exchange) body(h http.Header, r refusal) []byte {
	if x.dialect == inGeneral && x.navigates() || x.dialect == inPages && x.readsPages() {
		page, err := x.d.oops.Write(h, r.status, r.reason, x.who.User, x.event.ID())
		if err == nil {
			return page
		}
		x.event.Set(slog.Any("page", err))
	}
	type object = map[string]any
	media := "application/json"
	var v any
	switch x.dialect {
	case inProblems:
		media = "application/problem+json"
		p := object{"type": "about:blank", "title": http.StatusText(r.status), "status": r.status,
			"detail": r.reason, "code": r.code, "request_id": x.event.ID()}
		if r.field != "" {
			p["field"] = r.field
		}
		v = p
	case inLFS:
		media = "application/vnd.git-lfs+json"
		v = object{"message": r.reason, "request_id": x.event.ID()}
	case inRegistry, inTokens:
		v = object{"errors": []object{{"code": registryCode(r.status), "message": r.reason, "detail": nil}}}
	case inAccess:
		v = object{"errors": []object{{"code": accessCode(r.status), "detail": r.reason, "message": r.reason}}}
	case inOAuth:
		v = object{"error": oauthCode(r), "error_description": r.reason}
	default:
		v = object{"errors": []object{{"status": r.status, "message": r.reason}}}
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic("gateway: error body: " + err.Error()) // strings and numbers
	}
	h.Set("Content-Type", media)
	return append(body, '\n')
}

// registryCode is the error code of the OCI distribution specification.
func registryCode(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHORIZED"
	case http.StatusForbidden:
		return "DENIED"
	case http.StatusNotFound:
		return "NAME_UNKNOWN"
	case http.StatusTooManyRequests:
		return "TOOMANYREQUESTS"
	}
	return "UNSUPPORTED"
}

// accessCode is the code of JFrog Access: the status in words.
func accessCode(status int) string {
	return strings.ToUpper(strings.ReplaceAll(http.StatusText(status), " ", "_"))
}

// oauthCode is the error code of RFC 6749 §5.2, §4.1.2.1 and §7.
func oauthCode(r refusal) string {
	switch {
	case r.field == "scope":
		return "invalid_scope"
	case r.status == http.StatusUnauthorized:
		return "invalid_client"
	case r.status == http.StatusForbidden:
		return "access_denied"
	case r.status == http.StatusServiceUnavailable || r.status == http.StatusTooManyRequests:
		return "temporarily_unavailable"
	case r.status >= 500:
		return "server_error"
	}
	return "invalid_request"
}
