"""rclone's command line as data: flags without a value, and what its commands do with remotes.

From `rclone help flags` and the `--help` of each command (1.75.2); tests/stand_in compares them. A flag that
is not known here takes a value, as most do.
"""

_ALONE = """
absolute all allow-idmap allow-non-empty allow-other allow-root append-only ascii ask-password async-read
auth-no-open-browser auto-confirm auto-filename azureblob-archive-tier-delete
azureblob-client-send-certificate-chain azureblob-decompress azureblob-directory-markers
azureblob-disable-checksum azureblob-disable-instance-discovery azureblob-env-auth
azureblob-no-check-container azureblob-no-head-object azureblob-use-arrow-list azureblob-use-az
azureblob-use-copy-blob azureblob-use-emulator azureblob-use-msi azurefiles-client-send-certificate-chain
azurefiles-disable-instance-discovery azurefiles-env-auth azurefiles-use-az azurefiles-use-emulator
azurefiles-use-msi b2-disable-checksum b2-hard-delete b2-versions base64 beta box-client-credentials by-hash
cache-chunk-no-memory cache-db-purge cache-objects cache-writes chargen check check-access check-base32768
check-control check-first check-length check-normalization check-streaming checksum chunker-fail-hard
cloudinary-adjust-media-files-extensions continue copy-links create-empty-src-dirs
crypt-directory-name-encryption crypt-no-data-encryption crypt-pass-bad-blocks
crypt-server-side-across-configs crypt-show-mapping crypt-strict-names csv daemon debug-fuse
default-permissions delete-after delete-before delete-during delete-empty-src-dirs delete-excluded deps
dir-slash direct-io dirs-only dirsfirst disable-dir-list disable-http-keep-alives disable-http2
disable-multipart-streaming disable-zip discard download download-hash drime-hard-delete
drive-acknowledge-abuse drive-allow-import-name-change drive-auth-owner-only drive-client-credentials
drive-copy-shortcut-content drive-disable-http2 drive-env-auth drive-fast-list-bug-fix
drive-keep-revision-forever drive-metadata-enforce-expansive-access drive-server-side-across-configs
drive-shared-with-me drive-show-all-gdocs drive-size-as-quota drive-skip-checksum-gphotos
drive-skip-dangling-shortcuts drive-skip-gdocs drive-skip-shortcuts drive-starred-only
drive-stop-on-download-limit drive-stop-on-upload-limit drive-trashed-only drive-use-created-date
drive-use-shared-date drive-use-trash dropbox-client-credentials dropbox-shared-files dropbox-shared-folders
dropbox-show-all-exports dropbox-skip-exports dropbox-skip-shared-folders dropbox-skip-unowned-folders
dry-run dump-bodies dump-headers enable-metrics encrypted error-on-no-transfer exact fast-list fichier-cdn
files-only fix-case flat force force-path-style forget-state ftp-allow-insecure-tls-ciphers ftp-ask-password
ftp-disable-epsv ftp-disable-mlsd ftp-disable-tls13 ftp-disable-utf8 ftp-explicit-tls ftp-force-list-hidden
ftp-no-check-certificate ftp-no-check-upload ftp-tls ftp-writing-mdtm full full-path gcs-anonymous
gcs-bucket-policy-only gcs-client-credentials gcs-decompress gcs-directory-markers gcs-env-auth
gcs-no-check-bucket gphotos-client-credentials gphotos-include-archived gphotos-read-only gphotos-read-size
header-filename help hidrive-client-credentials hidrive-disable-fetching-member-count http-no-escape
http-no-head http-no-slash huaweidrive-client-credentials human-readable ignore-case ignore-case-sync
ignore-checksum ignore-errors ignore-existing ignore-listing-checksum ignore-size ignore-times
imagekit-versions immutable inplace interactive internetarchive-disable-checksum internetarchive-item-derive
internxt-skip-hash-validation jottacloud-client-credentials jottacloud-hard-delete jottacloud-no-versions
jottacloud-trashed-only json keep-test-files koofr-setmtime leave-root links local-case-insensitive
local-case-sensitive local-fatal-if-no-space local-links local-metadata-restore-special-bits
local-no-check-updated local-no-clone local-no-preallocate local-no-set-modtime local-no-sparse local-nounc
local-unicode-normalization local-zero-size-links localtime log-file-compress log-systemd log-trace long
loopback mailru-check-hash mailru-client-credentials mailru-speedup-enable mega-debug mega-hard-delete
mega-use-https memory-discard metadata modtime network-mode no-auth no-check-certificate no-check-dest
no-checksum no-cleanup no-clobber no-console no-create no-gzip-encoding no-mimetype no-modtime no-obscure
no-open-browser no-output no-seek no-slow-hash no-spec no-traverse no-unicode-normalization
no-update-dir-modtime no-update-modtime noappledouble noapplexattr noindent non-interactive noreport obscure
one-file-system one-way onedrive-av-override onedrive-client-credentials onedrive-delta
onedrive-expose-onenote-files onedrive-hard-delete onedrive-no-versions onedrive-server-side-across-configs
oos-attempt-resume-upload oos-decompress oos-disable-checksum oos-leave-parts-on-error oos-no-check-bucket
original pattern pcloud-client-credentials pikpak-no-media-link pikpak-trashed-only pikpak-use-trash plain
premiumizeme-client-credentials print-filename private-repos progress progress-terminal-title protections
protondrive-enable-caching protondrive-original-file-size protondrive-replace-existing-draft
putio-client-credentials qingstor-env-auth quatrix-hard-delete quatrix-skip-project-folders quiet quote rc
rc-enable-metrics rc-no-auth rc-serve rc-serve-no-modtime rc-web-gui rc-web-gui-force-update
rc-web-gui-no-open-browser rc-web-gui-update read-only recover recursive refresh-times remove-empty-dirs
resilient resync reverse rmdirs s3-bucket-object-lock-enabled s3-bypass-governance-retention s3-decompress
s3-directory-bucket s3-directory-markers s3-disable-checksum s3-disable-http2 s3-env-auth
s3-force-path-style s3-leave-parts-on-error s3-no-check-bucket s3-no-head s3-no-head-object
s3-no-system-metadata s3-object-lock-set-after-upload s3-requester-pays s3-use-accelerate-endpoint
s3-use-arn-region s3-use-dual-stack s3-use-presigned-request s3-v2-auth s3-version-deleted s3-versions
seafile-2fa seafile-create-library server-side-across-configs sftp-ask-password sftp-copy-is-hardlink
sftp-disable-concurrent-reads sftp-disable-concurrent-writes sftp-disable-hashcheck sftp-key-use-agent
sftp-pin-host-key sftp-set-modtime sftp-skip-links sftp-use-fstat sftp-use-insecure-cipher
sharefile-client-credentials size size-only skip-links skip-specials slow-hash-sync-only
smb-case-insensitive smb-hide-special-share smb-use-kerberos sort-ctime sort-modtime sort-reverse sparse
stable stat stats-one-line stats-one-line-date stdio stdout sudo suffix-keep-extension sugarsync-hard-delete
swift-env-auth swift-fetch-until-empty-page swift-leave-parts-on-error swift-no-chunk swift-no-large-objects
syslog track-renames unlink unsorted update urls use-cookies use-json-log use-mmap use-server-modtime
verbose version vfs-block-norm-dupes vfs-case-insensitive vfs-fast-fingerprint vfs-links vfs-refresh
webdav-auth-redirect webdav-owncloud-exclude-mounts webdav-owncloud-exclude-shares write-back-cache
yandex-client-credentials yandex-hard-delete yandex-spoof-ua zero zoho-client-credentials
"""
WITHOUT_VALUE = frozenset(_ALONE.split())
"""Long flags, of all commands and backends."""

SHORT_WITHOUT_VALUE = frozenset("1DILMPQRUacdhilnpqruvx")
"""Short flags, of all commands."""

OTHERWISE = {
    "lsjson": frozenset({"hash"}),
    "rc": frozenset({"json", "a"}),
    "rcat": frozenset({"size"}),
    "selfupdate": frozenset({"version"}),
    "touch": frozenset({"C"}),
    "tree": frozenset({"s", "t"}),
}
"""Flags that mean the opposite of the two sets above in one command."""

WITH_SUBCOMMANDS = frozenset({"archive", "completion", "config", "help", "serve", "test"})
"""Commands whose next word is a command too."""

WITHOUT_REMOTE = frozenset(
    {
        *("authorize", "completion", "config", "gendocs", "genautocomplete", "help", "listremotes"),
        *("obscure", "reveal", "selfupdate", "version"),
        *("test makefile", "test makefiles", "test memory"),
    }
)
"""Commands that open no remote, whatever their words look like."""

OPENS_LATER = frozenset({"gitannex", "gui", "rc", "rcd", "serve docker"})
"""Commands that may be told to open any remote once they run."""

WRITES_TO_LAST = frozenset({"bisync", "copy", "copyto", "copyurl", "move", "moveto", "rcat", "sync"})
"""Commands that write to their last remote."""

READS_STDIN = frozenset({"rcat", "serve restic"})
"""Commands whose stdin is data."""

SINGLE_FILE = {"copy": False, "copyto": True, "move": False, "moveto": True, "sync": False}
"""Commands that copy one file if their source is one: whether the destination names the file itself."""

PATH_FLAGS = frozenset({"backup-dir", "compare-dest", "copy-dest"})
"""Flags whose value is a remote."""

CONNECTION_FLAGS = frozenset(
    {
        *(
            "ask-password",
            "bind",
            "ca-cert",
            "client-cert",
            "client-key",
            "client-pass",
            "config",
            "contimeout",
        ),
        *("disable-http2", "header", "http-proxy", "no-check-certificate", "password-command", "timeout"),
        *("tpslimit", "use-cookies", "user-agent"),
        *("qingstor-access-key-id", "qingstor-connection-retries", "qingstor-encoding", "qingstor-endpoint"),
        *("qingstor-env-auth", "qingstor-secret-access-key", "qingstor-zone"),
    }
)
"""Flags that a question to the same server needs too."""
