package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.CommandSender.Answer;
import io.tidegate.admin.PrunePreview;
import io.tidegate.config.Settings;
import io.tidegate.contract.TenantCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code tidegate wal prune}: requests the tenant's owner to remove segments, in every copy. */
@Command(
        name = "prune",
        mixinStandardHelpOptions = true,
        description =
                "Removes a tenant's segments that are entirely below a sequence number, in every copy, and frees its"
                        + " storage quota at once.")
final class WalPruneCommand extends OwnerRequest {
    private static final long NOT_GIVEN = -1;

    @Option(
            names = "--below",
            paramLabel = "SEQ",
            description = "Remove segments with only sequence numbers below this one.")
    private long below = NOT_GIVEN;

    @Option(names = "--dry-run", description = "Print how many segments would be removed, and change nothing.")
    private boolean dryRun;

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Override
    Integer execute() {
        if (below < 0) {
            throw new ParameterException(
                    spec.commandLine(), "give the first sequence number to keep, not negative: --below SEQ");
        }
        Settings settings = options.loadConnected();
        if (dryRun) {
            PrunePreview preview = PrunePreview.of(settings, tenant, below);
            return report("would be removed", preview.segments(), preview.bytes(), preview.belowSeq());
        }
        Answer answer = ask(settings, new TenantCommand.PruneWal(below));
        return answer.done()
                ? report(
                        "pruned",
                        answer.last().path("segments").asLong(),
                        answer.last().path("bytes").asLong(),
                        answer.last().path("below_seq").asLong())
                : rejected(answer.last().path("message").asText());
    }

    private int report(String what, long segments, long bytes, long belowSeq) {
        if (output.asObjects()) {
            ObjectNode json = Json.object();
            Json.putTenant(json, tenant);
            json.put("dry_run", dryRun);
            json.put("below_seq", belowSeq);
            json.put("segments", segments);
            json.put("bytes", bytes);
            print(output.line(json));
        } else {
            print("tenant %s: %s of %s below %d %s"
                    .formatted(
                            tenant,
                            Amounts.counted(segments, "segment", "segments"),
                            Amounts.size(bytes),
                            belowSeq,
                            what));
        }
        return ExitCodes.OK;
    }
}
