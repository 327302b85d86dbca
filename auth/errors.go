package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Code is the kind of a refusal, stable for programs. The edges turn it into
// a status; nothing else of an error reaches the outside but Reason and Field.
type Code string

const (
	Unauthenticated Code = "unauthenticated"   // no, unknown, wrong or ended credential, disabled user: all look alike
	Repeated        Code = "repeated_failure"  // the same wrong secret for the tenth time in ten minutes
	Throttled       Code = "too_many_attempts" // guess budget or hashing queue used up; RetryAfter is set
	Expired         Code = "password_expired"  // the right password, which must be changed first
	Forbidden       Code = "forbidden"         // known, without right
	Locked          Code = "unlock_required"   // a session that must be unlocked first
	Invalid         Code = "invalid"           // the request's own fault; Field names the part
	NotFound        Code = "not_found"         // no such thing, or none that the caller may know of
	Exists          Code = "exists"            // taken already
	Unsupported     Code = "unsupported"       // switched off by configuration
	Unavailable     Code = "store_unavailable" // the store did not answer in time; try again
	Internal        Code = "internal"          // a bug or a broken record
)

// Error is every error this package returns.
type Error struct {
	Code       Code
	Reason     string        // one sentence for the person, safe to show
	Field      string        // with Invalid and Exists: which input
	RetryAfter time.Duration // with Throttled: 1 s to 300 s
	Err        error         // the true cause, for the audit trail and the log only
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Reason, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Reason)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of err: "" for nil, Internal for a foreign error.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// unauthenticated is the one refusal of all failed proofs. cause goes to the
// audit trail only.
func unauthenticated(cause string) error {
	return &Error{Code: Unauthenticated, Reason: "the credential is not accepted", Err: errors.New(cause)}
}

func forbidden(format string, args ...any) error {
	return &Error{Code: Forbidden, Reason: fmt.Sprintf(format, args...)}
}

func invalid(field, format string, args ...any) error {
	return &Error{Code: Invalid, Field: field, Reason: fmt.Sprintf(format, args...)}
}

func notFound(what string) error {
	return &Error{Code: NotFound, Reason: what + " not found"}
}

// storeFailed wraps an error of the store that means "no answer", so that it
// is never mistaken for "no".
func storeFailed(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return &Error{Code: Unavailable, Reason: "the request was given up", Err: err}
	}
	return &Error{Code: Unavailable, Reason: "the store does not answer; try again", Err: err}
}

// gone reports that the store answered "there is none".
func gone(err error) bool { return errors.Is(err, keystore.ErrNotFound) }
