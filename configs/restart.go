package configs

import "slices"

// Restart names the keys that differ and that a running daemon cannot change.
func Restart(old, fresh *Config) []string {
	var keys []string
	for _, k := range []struct {
		path string
		same bool
	}{
		{"data_dir", old.DataDir == fresh.DataDir},
		{"http.listen", old.HTTP.Listen == fresh.HTTP.Listen},
		{"http.tls_listen", old.HTTP.TLSListen == fresh.HTTP.TLSListen},
		{"ops.listen", old.Ops.Listen == fresh.Ops.Listen},
		{"ssh.listen", old.SSH.Listen == fresh.SSH.Listen},
		{"ssh.host_key_files", slices.Equal(old.SSH.HostKeyFiles, fresh.SSH.HostKeyFiles)},
		{"http.public_url", old.HTTP.PublicURL == fresh.HTTP.PublicURL},
		{"ssh.allow_dss", old.SSH.AllowDSS == fresh.SSH.AllowDSS},
		{"ssh.proxy_protocol_from", slices.Equal(old.SSH.ProxyProtocolFrom, fresh.SSH.ProxyProtocolFrom)},
		{"store", old.Store == fresh.Store},
		{"master_key_file", old.MasterKeyFile == fresh.MasterKeyFile},
	} {
		if !k.same {
			keys = append(keys, k.path)
		}
	}
	return keys
}

// Reload is fresh with the old values of the keys that Restart names. It is
// judged again, because what was right beside the new address may be wrong
// beside the one that stays; on an error old keeps serving.
func Reload(old, fresh *Config) (*Config, []string, error) {
	keys := Restart(old, fresh)
	merged := *fresh
	merged.DataDir, merged.Store, merged.MasterKeyFile = old.DataDir, old.Store, old.MasterKeyFile
	merged.HTTP.Listen, merged.HTTP.TLSListen = old.HTTP.Listen, old.HTTP.TLSListen
	merged.Ops.Listen, merged.SSH.Listen = old.Ops.Listen, old.SSH.Listen
	merged.HTTP.PublicURL = old.HTTP.PublicURL
	merged.SSH.HostKeyFiles, merged.SSH.AllowDSS = old.SSH.HostKeyFiles, old.SSH.AllowDSS
	merged.SSH.ProxyProtocolFrom = old.SSH.ProxyProtocolFrom
	if err := merged.Validate(); err != nil {
		return nil, keys, err
	}
	return &merged, keys, nil
}
