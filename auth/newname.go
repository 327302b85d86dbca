package auth

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// reservedNames are what nobody who comes from elsewhere is called here: names
// that people take for the administrators', or programs for something else.
var reservedNames = []string{
	"access", "admin", "administrator", "all", "anonymous", "anyone", "api", "daemon", "everybody", "everyone", "false", "git",
	"guest", "help", "helpdesk", "info", "internal", "invite", "job", "latchkey", "local", "login", "logout", "me", "moderator",
	"new", "nil", "nobody", "none", "null", "operator", "owner", "public", "root", "security", "self", "service", "session",
	"settings", "staff", "superuser", "support", "sysadmin", "system", "test", "true", "ui", "undefined", "user", "users", "webmaster",
}

const (
	// maxNamesakes is how many of one name a provider's people may have.
	maxNamesakes = 20
	// jobPrefix begins the names of the service accounts of CI jobs: job- and
	// names of the configuration, so that "job" would come to one at a provider.
	jobPrefix = "job-"
)

// nameOf is the name that somebody who comes from a provider would like here:
// that of the login there, else what is before the @ of a verified address,
// lower-cased and otherwise to the letter. Nothing is guessed: "Zoë", "a b" and
// a name with a Cyrillic а are refused, as what is left of them might be somebody.
func nameOf(p Provider, ext External) (string, error) {
	typed := ext.Login
	if typed == "" && ext.EmailVerified {
		typed, _, _ = strings.Cut(ext.Email, "@")
	}
	name, err := CanonicalName(typed)
	switch typed {
	case "me", "Me", "mE", "ME": // nobody's, but "me-corp" may be somebody's
		name, err = "me", nil
	}
	if err != nil || strings.HasPrefix(jobLike.Replace(name+"-"), jobPrefix) {
		return "", forbidden("no user name can be made of what %s says you are called; ask an administrator to make an account for you, and link this one to it", p.Title)
	}
	return name, nil
}

// candidates are the names to be tried for name, in this order.
func candidates(p Provider, name string) (out []string) {
	if !slices.Contains(reservedNames, name) {
		out = append(out, name)
	}
	for n := range maxNamesakes {
		next := name + "-" + p.Name
		if n > 0 {
			next += strconv.Itoa(n + 1)
		}
		if next, err := CanonicalName(next); err == nil {
			out = append(out, next)
		}
	}
	return out
}

// skeleton is what names have in common that are read as the same one: 0 and o,
// 1, l and i, rn and m, vv and w; and . _ - + @ are not seen.
func skeleton(name string) string {
	return alike.Replace(separators.Replace(name))
}

var (
	separators = strings.NewReplacer(".", "", "_", "", "-", "", "+", "", "@", "")
	jobLike    = strings.NewReplacer("0", "o", ".", "-", "_", "-", "+", "-", "@", "-")
	alike      = strings.NewReplacer("rn", "m", "vv", "w", "0", "o", "1", "l", "i", "l")
)

// lookAlikes are those of names that another user, or a reserved name, is read
// as. It reads the whole index, once for each who comes first.
func (u *Users) lookAlikes(ctx context.Context, names []string) (map[string]bool, error) {
	of := make(map[string][]string, len(names)) // by what they are read as
	for _, name := range names {
		like := skeleton(name)
		of[like] = append(of[like], name)
	}
	alike := make(map[string]bool)
	meet := func(other string) {
		for _, name := range of[skeleton(other)] {
			if name != other {
				alike[name] = true
			}
		}
	}
	for _, other := range reservedNames {
		meet(other)
	}
	for i := range userShards {
		l, _, err := u.a.rec.index.Get(ctx, strconv.Itoa(i))
		if err != nil && !gone(err) {
			return nil, storeFailed(err)
		}
		for _, other := range l.Names {
			meet(other)
		}
	}
	return alike, nil
}
