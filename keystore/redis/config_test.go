package redis_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/keystore/redis"
)

func TestParseURL(t *testing.T) {
	for url, want := range map[string]redis.Config{
		"redis://localhost":              {Addrs: []string{"localhost:6379"}},
		"redis://localhost/":             {Addrs: []string{"localhost:6379"}},
		"redis://h:7000/2":               {Addrs: []string{"h:7000"}, DB: 2},
		"redis://[::1]":                  {Addrs: []string{"[::1]:6379"}},
		"redis://[::1]:7000/0":           {Addrs: []string{"[::1]:7000"}},
		"redis://:p%40ss@h":              {Addrs: []string{"h:6379"}, Password: "p@ss"},
		"redis://:p@ss/w?d@h":            {Addrs: []string{"h:6379"}, Password: "p@ss/w?d"},
		"redis://u:p:q@h":                {Addrs: []string{"h:6379"}, Username: "u", Password: "p:q"},
		"redis://h?prefix=a:":            {Addrs: []string{"h:6379"}, Prefix: "a:"},
		"redis+sentinel://a,b:1,c/m":     {Addrs: []string{"a:26379", "b:1", "c:26379"}, Master: "m"},
		"redis+sentinel://u:p@a/m/3":     {Addrs: []string{"a:26379"}, Master: "m", DB: 3, Username: "u", Password: "p"},
		"redis+cluster://a:1,b":          {Addrs: []string{"a:1", "b:6379"}, Cluster: true},
		"redis+cluster://a/?prefix=x%3A": {Addrs: []string{"a:6379"}, Cluster: true, Prefix: "x:"},
	} {
		got, err := redis.ParseURL(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if want.Prefix == "" {
			want.Prefix = redis.DefaultPrefix
		}
		if !slices.Equal(got.Addrs, want.Addrs) || got.DB != want.DB || got.Username != want.Username || got.Password != want.Password ||
			got.Master != want.Master || got.Cluster != want.Cluster || got.Prefix != want.Prefix || got.TLS != nil {
			t.Errorf("%s is %#v, want %#v", url, got, want)
		}
	}
	for _, url := range []string{"rediss://h", "rediss+sentinel://h/m", "rediss+cluster://h"} {
		c, err := redis.ParseURL(url)
		if err != nil || c.TLS == nil || c.TLS.InsecureSkipVerify || c.TLS.MinVersion < 0x0303 {
			t.Errorf("%s: %+v, %v, want verified TLS 1.2", url, c.TLS, err)
		}
	}
}

func TestParseURLRefusesWithoutRepeatingThePassword(t *testing.T) {
	const secret = "pa55-of-nobody"
	for _, url := range []string{
		"", "redis", "bolt", "http://h", "redis+unix://h", "redis+://h", "+cluster://h", "rediss+x://h",
		"redis://", "redis:///1", "redis://:" + secret + "@", "redis://u@h", "redis://:" + secret + "%zz@h",
		"redis://:" + secret + "@h:0", "redis://:" + secret + "@h:65536", "redis://h:+1", "redis://h:", "redis://::1",
		"redis://:" + secret + "@h/x", "redis://h/-1", "redis://h/+1", "redis://h/1/2", "redis://h/99999999999999999999",
		"redis://a,b", "redis://a,", "redis+sentinel://a", "redis+sentinel://a/", "redis+cluster://a/1",
		"redis://:" + secret + "@h?db=1", "redis://h?prefix=", "redis://h?prefix=a&prefix=b", "redis://h?prefix={a}",
		"redis://h?prefix=a%20b", "redis://h?prefix=%zz", "redis://h?prefix=" + strings.Repeat("x", 65),
		"redis://h#" + secret, "redis://:" + secret + " @h", "redis://h\n", "redis://h\x7f", "redis://" + strings.Repeat("h", 5000),
	} {
		c, err := redis.ParseURL(url)
		if err == nil {
			t.Errorf("%q is %v", url, c)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the password is in %v", url, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"redis://user:pass@host:6379/1?prefix=x:", "rediss://[::1]:1", "redis+sentinel://a:1,b,c/master/2",
		"rediss+cluster://:p@a,b", "redis://@h", "redis://a@b:c@d/0", "bolt",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := redis.ParseURL(s)
		if err != nil {
			return
		}
		again, err := redis.ParseURL(c.String())
		if err != nil {
			t.Fatalf("%q printed as %q: %v", s, c, err)
		}
		if again.String() != c.String() || !slices.Equal(again.Addrs, c.Addrs) || again.DB != c.DB ||
			again.Master != c.Master || again.Cluster != c.Cluster || again.Prefix != c.Prefix || (again.TLS == nil) != (c.TLS == nil) {
			t.Errorf("%q printed as %q is %#v, want %#v", s, c, again, c)
		}
	})
}
